"""Reading tasks: the list, a single task, its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from queue_common.errors import UnreadableRecordError
from queue_common.queue import TaskPage

from ...auth import MayRead, Scope
from ...parameters import Query, refuse_cursor, respond, written_time
from . import openapi
from .attempts import attempt_list
from .filters import FILTERS, read_filter
from .found import find_task
from .schemas import TaskList
from .status import request_of, status_of

if TYPE_CHECKING:
    from queue_common.queue import TaskFilter
    from queue_common.task import TaskView

    from ...app_context import AppContext
    from ...auth import Principal
    from .schemas import TaskStatus

__all__ = ["full_status", "router"]

router = APIRouter(tags=["tasks"])
PARAMETERS = FILTERS | {"cursor", "limit"}


@router.head(openapi.PATH, include_in_schema=False)
@router.get(openapi.PATH, openapi_extra=openapi.LIST_TASKS)
async def list_tasks(request: Request, principal: MayRead) -> Response:
    """List the project's tasks, page by page.

    A page continues after the last task of the previous one, so tasks that appear or disappear
    neither hide others nor repeat them. A search checks about 3,000 tasks per call; ``scanned`` and
    ``scanned_to`` show how many, and the cursor continues from there.
    """
    context: AppContext = request.app.state.api
    query = Query(request, PARAMETERS)
    wanted = read_filter(query, principal)
    cursor, limit = query.text("cursor"), query.limit()
    query.check()
    try:
        named = await _named(context, principal, wanted) if cursor is None else None
        page = named or await context.queue.reader.search.page(wanted, cursor, limit)
    except ValueError:
        raise refuse_cursor() from None
    tasks = [status_of(view, context.policy, context.settings) for view in page.tasks]
    return respond(TaskList(tasks, page.cursor, page.scanned, written_time(page.scanned_to_ms)))


async def _named(context: AppContext, principal: Principal, wanted: TaskFilter) -> TaskPage | None:
    """Return the page of the task that has the key asked for; None if no task has it now."""
    if wanted.idempotency_key is None or principal.all_projects:  # each may have one of this name
        return None
    view = await context.queue.reader.named_task(principal.project, wanted.idempotency_key)
    if view is None or not wanted.accepts(view):
        return None
    return TaskPage([view], None, 1, view.task.accepted_at_ms if view.task else None)


@router.head(openapi.PATH + "/{task_id}", include_in_schema=False)
@router.get(openapi.PATH + "/{task_id}", openapi_extra=openapi.GET_TASK)
async def get_task(request: Request, principal: MayRead) -> Response:
    """Return a task, as long as its record is kept.

    With the scope ``manage`` the response has its request, without the values of headers whose name
    shows that they are secret. After a delivery the request is kept for RESULT_FULL_TTL.
    """
    view = await find_task(request, principal)
    return respond(await full_status(request, principal, view))


async def full_status(request: Request, principal: Principal, view: TaskView) -> TaskStatus:
    """Return everything about a task that the caller may see."""
    context: AppContext = request.app.state.api
    status = status_of(view, context.policy, context.settings)
    replays = await context.queue.reader.replays(view.id)
    status = msgspec.structs.replace(status, replays=list(replays))
    if Scope.MANAGE not in principal.scopes:
        return status
    try:
        task = await context.queue.reader.whole_task(view.id)
    except UnreadableRecordError as error:
        return msgspec.structs.replace(status, request=None, request_error=str(error))
    return msgspec.structs.replace(status, request=request_of(task) if task else None)


@router.head(openapi.PATH + "/{task_id}/attempts", include_in_schema=False)
@router.get(openapi.PATH + "/{task_id}/attempts", openapi_extra=openapi.LIST_ATTEMPTS)
async def list_attempts(request: Request, principal: MayRead) -> Response:
    """Return the last 20 attempts of a task, the newest at the end."""
    view = await find_task(request, principal)
    return respond(attempt_list(view))
