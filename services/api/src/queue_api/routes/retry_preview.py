"""When a retry policy would try."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta, UnsetType

from queue_common.options import TaskOptions
from queue_common.retry import Dead, RetryAt, RetryPolicy, deadline_of, decide
from queue_common.task import VERSION, Attempt, Outcome, Task

from ..auth import MayRead
from ..openapi import json_response, problem_response, schema_of
from ..parameters import (
    MAX_TIME_MS,
    invalid_request,
    parse_time,
    read_body,
    respond,
    written_time,
)
from ..problems import FieldError
from ..tasks.option_schemas import RetryCreate, Time
from ..tasks.options import OptionError, check_retry, deadline_ms
from ..tasks.times import MAX_AHEAD_MS

__all__ = ["PlannedAttempt", "RetryPreview", "RetryPreviewCreate", "router"]

PATH = "/api/v1/retry-preview"
MAX_COUNT, DEFAULT_COUNT = 100, 20

router = APIRouter(tags=["tasks"])


class RetryPreviewCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A policy to look at."""

    retry: RetryCreate | UnsetType = UNSET
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = DEFAULT_COUNT
    """At most so many attempts are listed."""
    start: Time | UnsetType = UNSET
    """When the first attempt would be due; now by default."""


class PlannedAttempt(msgspec.Struct, frozen=True):
    """An attempt that would be made if each before it failed at once."""

    number: int
    after_seconds: float
    """From the first attempt on."""
    at: str


class RetryPreview(msgspec.Struct, frozen=True):
    """What a retry policy comes to; a wait with jitter is shown at its longest."""

    attempts: list[PlannedAttempt]
    gives_up_at: str
    """No attempt begins after this."""


_ROUTE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": schema_of("RetryPreviewCreate"),
                "example": {
                    "retry": {"strategy": "exponential", "interval": "1s", "max_interval": "1h"},
                    "count": 5,
                },
            }
        },
    },
    "responses": {
        "200": json_response("The attempts.", schema_of("RetryPreview")),
        "400": problem_response("The body is not JSON."),
        "413": problem_response("The body is too large."),
        "415": problem_response("The body is not application/json."),
        "422": problem_response("The policy is wrong; the field is named."),
    },
}


@router.post(PATH, openapi_extra=_ROUTE)
async def preview_retries(request: Request, _principal: MayRead) -> Response:
    """Tell when a policy would try, if each attempt failed at once."""
    asked = await read_body(request, RetryPreviewCreate, required=True)
    start_ms = _start(asked)
    task = _task(asked, start_ms)
    policy: RetryPolicy = request.app.state.api.policy
    attempts, end_ms = planned_attempts(task, policy, asked.count)
    planned = [
        PlannedAttempt(number, (at_ms - start_ms) / 1000, written_time(at_ms) or "")
        for number, at_ms in enumerate(attempts, 1)
    ]
    return respond(RetryPreview(planned, written_time(end_ms) or ""))


def planned_attempts(task: Task, policy: RetryPolicy, count: int) -> tuple[list[int], int]:
    """Return the Unix times in ms of the first ``count`` attempts, and of the last that may begin.

    The times are those that ``decide`` gives.
    """
    attempts, now_ms = [task.accepted_at_ms], task.accepted_at_ms
    while len(attempts) < count:
        failed = Attempt(len(attempts), now_ms, 0.0, Outcome.HTTP_ERROR, 500)
        decision = decide(failed, task, policy, now_ms)
        if isinstance(decision, Dead):
            return attempts, now_ms
        assert isinstance(decision, RetryAt)  # noqa: S101 - no attempt of these is delivered
        now_ms = decision.due_at_ms
        attempts.append(now_ms)
    return attempts, deadline_of(task, policy)


def _start(asked: RetryPreviewCreate) -> int:
    if asked.start is UNSET:
        return round(time.time() * 1000)
    try:
        start_ms = parse_time(asked.start)
    except ValueError as error:
        raise invalid_request([FieldError("start", str(error))]) from None
    if start_ms > MAX_TIME_MS - MAX_AHEAD_MS:
        raise invalid_request([FieldError("start", "is too close to the end of the year 9999")])
    return start_ms


def _task(asked: RetryPreviewCreate, start_ms: int) -> Task:
    """Return a task with the policy, without jitter and whatever the failures."""
    retry, own_deadline = None, None
    try:
        if asked.retry is not UNSET:
            retry = msgspec.structs.replace(check_retry(asked.retry), jitter=0.0, on=None)
            own_deadline = deadline_ms(asked.retry)
    except OptionError as error:
        raise invalid_request([FieldError(f"retry.{error.field}", str(error))]) from None
    return Task(
        VERSION, "http://preview/", "POST", {}, None, start_ms, "preview",
        retry_deadline_ms=own_deadline, options=TaskOptions(retry=retry),
    )  # fmt: skip
