"""Replays a settled task: a new task makes its request again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.errors import ConflictError, UnknownTaskError, WrongStateError

from ...auth import MayManage, Scope
from ...parameters import invalid_request, read_idempotency_key, respond
from ...problems import FieldError, ProblemError
from ..body import read_json_body
from ..duplicates import duplicate_field
from ..enqueue import enqueue
from ..parse import parse_task
from ..trace import begin_trace
from . import openapi
from .found import find_task, is_of, task_id_of
from .repetition import repeated, whole_source
from .replay_id import FREED, keyed_id, replay_id
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
CONTENT_TYPE = "content-type"
_FIELDS = {"url": "url", "method": "method", "headers": "headers",
           "body": "body", "body_base64": "body"}  # fmt: skip


@router.post(
    openapi.PATH + "/{task_id}/replay",
    openapi_extra=openapi.REPLAY_TASK,
    status_code=HTTPStatus.CREATED,
)
async def replay_task(request: Request, principal: MayManage) -> Response:
    """Make the request of a dead or delivered task again, as a new task.

    The body may change URL, method, headers or body, with a key that has the scope `enqueue` too. A
    delivered task can be replayed while it is kept in full; a cancellation removes headers and body
    at once. A repeated call with the same Idempotency-Key or, without one, with the same body
    within 10 s, returns the task of the first call, unless that has died or was cancelled: then it
    makes another one.
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
    key = read_idempotency_key(request.scope["headers"])
    given = await _read(request, context.settings.api_max_body)
    if given:  # it is another request then, which this key may not send by other means
        principal.check(Scope.ENQUEUE)
    try:
        view = await find_task(request, principal)
        task = await _task(request, principal, view, given, trace)
    except (UnknownTaskError, WrongStateError):
        # An earlier call may have found more of the source than is kept now.
        existing = None if key is None else await _made_before(request, principal, key, given)
        if existing is None:
            raise
        return _replayed_before(task_id_of(request), existing)
    task_id = await replay_id(context.queue, view.id, task, key)
    submission = enqueue(context.queue, task, trace, task_id)
    try:
        await submission.until_stored()
    except ConflictError:
        raise _other_content() from None
    await context.queue.reader.note_replay(view.id, submission.task_id)
    await context.audit.record(principal, "task.replay", view.id, task_id=submission.task_id)
    if not submission.stored.result():
        return _replayed_before(view.id, await context.queue.get_task(submission.task_id))
    replayed = Replayed(submission.task_id, view.id, trace.send.trace_id)
    return respond(replayed, HTTPStatus.CREATED)


def _replayed_before(source: TaskId, existing: TaskView) -> Response:
    return respond(Replayed(existing.id, source, trace_id_of(existing.task)))


async def _made_before(
    request: Request, principal: Principal, key: str, given: dict[str, msgspec.Raw]
) -> TaskView | None:
    """Return the task that an earlier call with this key has made; None if none has.

    One that died or was cancelled does not count. What is kept of the task decides whether the call
    had the same body.
    """
    context: AppContext = request.app.state.api
    try:
        made = await keyed_id(context.queue, task_id_of(request), key)
        view = await context.queue.get_task(made)
    except UnknownTaskError:
        return None
    if not is_of(principal, view) or view.task is None or view.state in FREED:
        return None
    whole = await context.queue.reader.whole_task(view.id)
    task = whole or view.task
    asked = _changed(task, given)
    differs = asked.method != task.method or _path(asked.url) != _path(task.url)
    if differs or (whole is not None and asked != whole):
        raise _other_content()
    return view


def _path(url: str) -> str:
    """Return a URL without its query, which an encrypted task may not show."""
    return url.partition("?")[0]


async def _read(request: Request, max_bytes: int) -> dict[str, msgspec.Raw]:
    """Return the fields of the body, each as it was sent; an empty body has none."""
    if not _may_have_body(request) and "content-type" not in request.headers:
        return {}
    raw = await read_json_body(request.scope["headers"], request.receive, max_bytes)
    if not raw:
        return {}
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise invalid_request([FieldError("", "should be an object")]) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        detail = f"The body is not JSON: {error}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", detail) from None
    unknown = [FieldError(name[:100], "is no field of this call") for name in fields
               if name not in _FIELDS]  # fmt: skip
    if unknown:
        raise invalid_request(unknown[:100])
    if (twice := duplicate_field(raw)) is not None:
        raise invalid_request([FieldError(twice, "comes twice in the body")])
    return fields


def _may_have_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _task(
    request: Request, principal: Principal, view: TaskView, given: dict[str, msgspec.Raw],
    trace: RequestTrace,
) -> Task:  # fmt: skip
    context: AppContext = request.app.state.api
    source = await whole_source(context.queue, view)
    task = repeated(view, source, trace.send.headers(), _changed(source, given))
    create_task: CreateTask = request.app.state.create_task
    create_task.check_destinations(task, principal)
    return task


def _changed(task: Task, given: dict[str, msgspec.Raw]) -> Task:
    """Return a task with the fields of a body."""
    if not given:
        return task
    url = msgspec.Raw(msgspec.json.encode(task.url))
    parsed = parse_task(msgspec.json.encode({"url": url, **given})).task
    fields = {_FIELDS[name] for name in given}
    changes = {name: getattr(parsed, name) for name in fields}
    if "body" in fields and "headers" not in fields:
        # A new body that has a Content-Type of itself, as JSON has, brings it along.
        replaced = set(map(str.lower, parsed.headers))
        own = {n: v for n, v in task.headers.items() if n.lower() not in replaced}
        changes["headers"] = {**own, **parsed.headers}
    elif "headers" in fields and "body" not in fields and task.body is not None:
        changes["headers"] = {**_content_type(task, parsed), **parsed.headers}
    return msgspec.structs.replace(task, **changes)


def _content_type(task: Task, parsed: Task) -> dict[str, str]:
    """Return the header that goes with a body that is kept, unless the new headers name it."""
    if CONTENT_TYPE in map(str.lower, parsed.headers):
        return {}
    return {name: value for name, value in task.headers.items() if name.lower() == CONTENT_TYPE}


def _other_content() -> ProblemError:
    detail = "The Idempotency-Key was used to replay this task with another body."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-conflict", detail)
