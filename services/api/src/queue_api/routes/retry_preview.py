"""When a retry policy would try."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Meta, UnsetType

from queue_common.options import Retry, TaskOptions
from queue_common.retry import Dead, RetryAt, RetryPolicy, deadline_of, decide, wait_ms
from queue_common.task import VERSION, Attempt, Outcome, Task

from ..auth import MayPreview
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
from ..tasks.option_schemas import RetryCreate
from ..tasks.options import OptionError, check_retry, deadline_ms
from ..tasks.times import MAX_AHEAD_MS

__all__ = ["PlannedAttempt", "RetryPreview", "RetryPreviewCreate", "router"]

PATH = "/api/v1/retry-preview"
MAX_COUNT, DEFAULT_COUNT = 100, 20
MAX_STEPS = 10_000
"""Adding up more waits would hold up other requests."""

Start = Annotated[
    str,
    Meta(
        description="When the first attempt would be due (RFC 3339); now by default.",
        extra_json_schema={"format": "date-time"},
        examples=["2026-12-01T09:00:00Z"],
    ),
]

router = APIRouter(tags=["tasks"])


class RetryPreviewCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A policy to look at."""

    retry: RetryCreate | UnsetType = UNSET
    count: Annotated[
        int, Meta(ge=1, le=MAX_COUNT, description="At most so many attempts are listed.")
    ] = DEFAULT_COUNT
    start: Start | UnsetType = UNSET


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
    """No attempt begins after this: the time of the last one if the policy counts them (more than
    10,000 waits that differ are not added up), at the latest the deadline."""


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
        "422": problem_response("The policy is wrong; the field is named.", "invalid-policy"),
    },
}


@router.post(PATH, openapi_extra=_ROUTE)
async def preview_retries(request: Request, _principal: MayPreview) -> Response:
    """Tell when a policy would try, if each attempt failed at once."""
    asked = await read_body(request, RetryPreviewCreate, required=True)
    start_ms = _start(asked)
    task = _task(asked, start_ms)
    policy: RetryPolicy = request.app.state.api.policy
    attempts = planned_attempts(task, policy, asked.count)
    planned = [
        PlannedAttempt(number, (at_ms - start_ms) / 1000, written_time(at_ms) or "")
        for number, at_ms in enumerate(attempts, 1)
    ]
    return respond(RetryPreview(planned, written_time(gives_up_at_ms(task, policy)) or ""))


def planned_attempts(task: Task, policy: RetryPolicy, count: int) -> list[int]:
    """Return the Unix times in ms of the first ``count`` attempts: those that ``decide`` gives."""
    attempts, now_ms = [task.accepted_at_ms], task.accepted_at_ms
    while len(attempts) < count:
        failed = Attempt(len(attempts), now_ms, 0.0, Outcome.HTTP_ERROR, 500)
        decision = decide(failed, task, policy, now_ms)
        if isinstance(decision, Dead):
            break
        assert isinstance(decision, RetryAt)  # noqa: S101 - no attempt of these is delivered
        now_ms = decision.due_at_ms
        attempts.append(now_ms)
    return attempts


def gives_up_at_ms(task: Task, policy: RetryPolicy) -> int:
    """Return the Unix time in ms after which no attempt begins, however many are listed.

    If the policy counts its attempts, that is the time of the last one, unless the deadline is
    earlier. Of more than MAX_STEPS waits that differ, the end is not found: it is the deadline.
    """
    deadline_at_ms = deadline_of(task, policy)
    retry = task.options.retry if task.options else None
    waited_ms = None if retry is None else _waited_ms(retry, policy)
    if waited_ms is None:
        return deadline_at_ms
    return min(task.accepted_at_ms + waited_ms, deadline_at_ms)


def _waited_ms(retry: Retry, policy: RetryPolicy) -> int | None:
    """Return the sum of all waits of a policy; None if it does not count them."""
    is_schedule = retry.strategy == "schedule"
    bounds = [len(retry.delays_ms)] if is_schedule else []
    if retry.max_attempts is not None:
        bounds.append(retry.max_attempts - 1)
    waits = min(bounds, default=None)
    if not waits:
        return waits
    last_ms, total_ms = wait_ms(retry, policy, waits), 0
    for number in range(1, min(waits, MAX_STEPS) + 1):
        next_ms = wait_ms(retry, policy, number)
        if next_ms == last_ms and not is_schedule:  # waits that grow stay equal from here on
            return total_ms + next_ms * (waits - number + 1)
        total_ms += next_ms
    return total_ms if waits <= MAX_STEPS else None


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
