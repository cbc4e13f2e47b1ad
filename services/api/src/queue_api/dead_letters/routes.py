"""Groups and deletes dead letters. The routes of tasks list and replay them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from queue_common.errors import UnknownTaskError
from queue_common.lanes import split_lane
from queue_common.queue import Scope
from queue_common.task import Outcome

from ..auth import MayManage, MayRead
from ..parameters import Query, refuse_cursor, respond, written_time
from ..tasks.manage.filters import read_lane
from ..tasks.manage.found import find_task, task_id_of
from . import openapi
from .schemas import DeadLetterGroup, DeadLetterGroups

if TYPE_CHECKING:
    from queue_common.queue import DeadGroup

    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["dead letters"])


@router.delete(
    openapi.PATH + "/{task_id:uuid}",
    openapi_extra=openapi.DELETE,
    status_code=HTTPStatus.NO_CONTENT,
)
async def delete_dead_letter(request: Request, principal: MayManage) -> Response:
    """Delete a dead letter. Deleting a missing one succeeds too."""
    context: AppContext = request.app.state.api
    task_id_of(request)
    try:
        view = await find_task(request, principal)
        await context.queue.operations.delete_dead(view.id)
    except UnknownTaskError:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    await context.audit.record(principal, "dead-letter.delete", view.id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.head(openapi.PATH + "/groups", include_in_schema=False)
@router.get(openapi.PATH + "/groups", openapi_extra=openapi.GROUPS)
async def group_dead_letters(request: Request, principal: MayRead) -> Response:
    """Group the dead letters by lane, and by outcome and status of their last attempt.

    The largest group comes first.
    """
    context: AppContext = request.app.state.api
    query = Query(request, {"lane", "cursor", "limit"})
    lane = read_lane(query, principal)
    cursor, limit = query.text("cursor"), query.limit()
    query.check()
    scope = Scope(
        None if principal.all_projects else principal.project,
        lane,
    )
    try:
        found = await context.queue.reader.dead_groups.read(scope, cursor, limit)
    except ValueError:
        raise refuse_cursor() from None
    groups = [_group(group) for group in found.groups]
    return respond(DeadLetterGroups(groups, found.cursor, found.exact))


def _group(group: DeadGroup) -> DeadLetterGroup:
    known = group.outcome in set(Outcome)
    project, lane = split_lane(group.lane)
    return DeadLetterGroup(
        project=project,
        lane=lane,
        outcome=Outcome(group.outcome) if known else None,
        status_code=group.status_code or None,
        count=group.number,
        first_at=written_time(group.first_at_ms) or "",
        last_at=written_time(group.last_at_ms) or "",
        example_task_id=group.example_id,
        example_error=group.example_error or None,
    )
