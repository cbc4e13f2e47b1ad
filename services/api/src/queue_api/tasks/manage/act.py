"""Cancelling and running tasks. A repeated call returns the same response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from queue_common.errors import WrongStateError
from queue_common.task import State

from ...auth import MayManage
from ...parameters import respond
from . import openapi
from .found import find_task
from .read import full_status

if TYPE_CHECKING:
    from queue_common.task import TaskId, TaskView

    from ...app_context import AppContext
    from ...auth import Principal

__all__ = ["router"]

router = APIRouter(tags=["tasks"])


@router.delete(openapi.PATH + "/{task_id}", openapi_extra=openapi.CANCEL_TASK)
async def cancel_task(request: Request, principal: MayManage) -> Response:
    """Cancel a task: at once if it waits, after its attempt if it is active.

    The attempt itself is not interrupted, and its success counts. Cancelling a delivered or dead
    task is a 409.
    """
    context: AppContext = request.app.state.api
    view = await find_task(request, principal)
    found = await context.queue.operations.cancel(view.id)
    await context.audit.record(principal, "task.cancel", view.id, state=found)
    return await _respond(request, principal, view)


@router.post(openapi.PATH + "/{task_id}/run", openapi_extra=openapi.RUN_TASK)
async def run_task(request: Request, principal: MayManage) -> Response:
    """Run a task now: a scheduled task or a dead letter moves to the front of its lane.

    A queued or active task is not changed, nor is one that was delivered, as after an earlier call.
    A cancelled task is a 409, and an active one that was cancelled: it gets no further attempt.
    The retry policy of a dead letter begins anew: its attempts, and its deadline (24 h without one
    of its own). So does the deadline of a task that is run before its due time.
    """
    context: AppContext = request.app.state.api
    view = await find_task(request, principal)
    principal.check_hosts(view.task)
    found = await _run(context, view.id)
    await context.audit.record(principal, "task.run", view.id, state=found)
    return await _respond(request, principal, view)


async def _run(context: AppContext, task_id: TaskId) -> State:
    try:
        return await context.queue.operations.run(task_id)
    except WrongStateError:
        # The answer of the call that ran it may have been lost.
        state = (await context.queue.get_task(task_id)).state
        if state is not State.DELIVERED:
            raise
        return state


async def _respond(request: Request, principal: Principal, view: TaskView) -> Response:
    context: AppContext = request.app.state.api
    now = await context.queue.reader.get_task(view.id)
    return respond(await full_status(request, principal, now))
