"""Replays a settled task: a new task makes its request again."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.errors import ConflictError, UnknownTaskError
from queue_common.task import derived_task_id

from ...auth import MayManage, Scope
from ...parameters import invalid_request, respond
from ...problems import FieldError, ProblemError
from ..body import read_json_body
from ..enqueue import enqueue
from ..parse import parse_task
from ..trace import begin_trace
from . import openapi
from .found import find_task
from .repetition import repeated, whole_source
from .schemas import Replayed
from .status import trace_id_of

if TYPE_CHECKING:
    from queue_common.task import Task, TaskId, TaskView

    from ...app_context import AppContext
    from ...auth import Principal
    from ..routes import CreateTask
    from ..trace import RequestTrace

__all__ = ["router"]

router = APIRouter(tags=["tasks"])
REPEAT_SECONDS = 10
"""Without a key, calls with the same content within this time create one task."""
_KEY = re.compile(r"[!-~]{1,255}")
_FIELDS = {"url": "url", "method": "method", "headers": "headers",
           "body": "body", "body_base64": "body"}  # fmt: skip


@router.post(
    openapi.PATH + "/{task_id}/replay",
    openapi_extra=openapi.REPLAY_TASK,
    status_code=HTTPStatus.CREATED,
)
async def replay_task(request: Request, principal: MayManage) -> Response:
    """Make the request of a settled task again, as a new task.

    The body may change URL, method, headers or body, with a key that has the scope `enqueue` too. A
    delivered task can be replayed while it is
    kept in full. A repeated call with the same Idempotency-Key or, without one, with the same body
    within 10 s, returns the task of the first call.
    """
    context: AppContext = request.app.state.api
    trace = begin_trace(context.tracing, request.scope)
    try:
        response = await _replay(request, principal, trace)
    except Exception as error:
        trace.responded(getattr(error, "status", HTTPStatus.INTERNAL_SERVER_ERROR), error)
        raise
    trace.responded(response.status_code)
    return response


async def _replay(request: Request, principal: Principal, trace: RequestTrace) -> Response:
    context: AppContext = request.app.state.api
    key = _idempotency_key(request)
    given = await _read(request, context.settings.api_max_body)
    if given:  # it is another request then, which this key may not send by other means
        principal.check(Scope.ENQUEUE)
    view = await find_task(request, principal)
    task = await _task(request, principal, view, given, trace)
    task_id, existing = await _id(context, view, task, key)
    if existing is not None:
        return respond(Replayed(existing.id, view.id, trace_id_of(existing.task)))
    submission = enqueue(context.queue, task, trace, task_id)
    try:
        await submission.until_stored()
    except ConflictError:
        raise _other_content() from None
    await context.queue.reader.note_replay(view.id, submission.task_id)
    await context.audit.record(principal, "task.replay", view.id, task_id=submission.task_id)
    is_new = submission.stored.result()
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return respond(Replayed(submission.task_id, view.id, trace.send.trace_id), status)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        reason = "should be 1 to 255 visible ASCII characters"
        raise invalid_request([FieldError("Idempotency-Key", reason)])
    return key


async def _read(request: Request, max_bytes: int) -> dict[str, msgspec.Raw]:
    """Return the fields of the body, each as it was sent; an empty body has none."""
    if request.headers.get("content-length", "0") == "0" and "content-type" not in request.headers:
        return {}
    raw = await read_json_body(request.scope["headers"], request.receive, max_bytes)
    try:
        fields = msgspec.json.decode(raw or b"{}", type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise invalid_request([FieldError("", "should be an object")]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        detail = f"The body is not JSON: {error}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", detail) from None
    unknown = [FieldError(name[:100], "is no field of this call") for name in fields
               if name not in _FIELDS]  # fmt: skip
    if unknown:
        raise invalid_request(unknown[:100])
    return fields


async def _task(
    request: Request, principal: Principal, view: TaskView, given: dict[str, msgspec.Raw],
    trace: RequestTrace,
) -> Task:  # fmt: skip
    context: AppContext = request.app.state.api
    source = await whole_source(context.queue, view)
    changed = None
    if given:
        url = msgspec.Raw(msgspec.json.encode(source.url))
        changed = parse_task(msgspec.json.encode({"url": url, **given})).task
    fields = {_FIELDS[name] for name in given}
    if "body" in fields and "headers" not in fields and changed is not None:
        # The Content-Type that belongs to the new body replaces the old one.
        own = {n: v for n, v in source.headers.items() if n.lower() != "content-type"}
        changed = msgspec.structs.replace(changed, headers={**own, **changed.headers})
        fields.add("headers")
    task = repeated(view, source, trace.send.headers(), changed=changed, fields=fields)
    create_task: CreateTask = request.app.state.create_task
    create_task.check_destinations(task, principal)
    return task


async def _id(
    context: AppContext, view: TaskView, task: Task, key: str | None
) -> tuple[TaskId, TaskView | None]:
    """Return the new task's id, and the task if an earlier call has created it."""
    if key is not None:
        return derived_task_id(view.id, f"key {key}"), None
    content = task.digest().hex()
    window = int(time.time()) // REPEAT_SECONDS
    before = derived_task_id(view.id, f"{content} {window - 1}")
    now = derived_task_id(view.id, f"{content} {window}")
    try:
        found = await context.queue.get_task(before)
    except UnknownTaskError:
        return now, None
    since_ms = (time.time() - REPEAT_SECONDS) * 1000
    is_recent = found.task is not None and found.task.accepted_at_ms > since_ms
    return now, found if is_recent else None


def _other_content() -> ProblemError:
    detail = "The Idempotency-Key was used to replay this task with another body."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-conflict", detail)
