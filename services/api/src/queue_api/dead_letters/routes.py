"""Dead letters: delete one. They are listed, run and replayed as other tasks are."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from queue_common.errors import UnknownTaskError

from ..auth import MayManage
from ..tasks.manage.found import find_task, task_id_of
from . import openapi

if TYPE_CHECKING:
    from ..app_context import AppContext

__all__ = ["router"]

router = APIRouter(tags=["dead letters"])


@router.delete(
    openapi.PATH + "/{task_id}", openapi_extra=openapi.DELETE, status_code=HTTPStatus.NO_CONTENT
)
async def delete_dead_letter(request: Request, principal: MayManage) -> Response:
    """Delete a dead letter. One that is not there any more counts as deleted."""
    context: AppContext = request.app.state.api
    task_id_of(request)
    try:
        view = await find_task(request, principal)
        await context.queue.operations.delete_dead(view.id)
    except UnknownTaskError:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    await context.audit.record(principal, "dead-letter.delete", view.id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
