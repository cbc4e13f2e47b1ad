"""Finds the task of a path in the caller's project."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from queue_common.errors import UnknownTaskError
from queue_common.lanes import split_lane
from queue_common.task import TaskId, TaskView

if TYPE_CHECKING:
    from fastapi import Request

    from ...app_context import AppContext
    from ...auth import Principal

__all__ = ["find_task", "is_of", "task_id_of"]


def task_id_of(request: Request) -> TaskId:
    """Return the id in a request's path; raises UnknownTaskError if it is not a UUID."""
    text = str(request.path_params["task_id"])
    try:
        return TaskId(str(UUID(text)))
    except ValueError as error:
        msg = f"{text!r} is not a task id: it should be a UUID"
        raise UnknownTaskError(msg) from error


def is_of(principal: Principal, view: TaskView) -> bool:
    """Return whether a task belongs to the caller's project."""
    return principal.all_projects or split_lane(view.lane)[0] == principal.project


async def find_task(request: Request, principal: Principal) -> TaskView:
    """Return the task of a path; raises UnknownTaskError, also for a task of another project."""
    context: AppContext = request.app.state.api
    task_id = task_id_of(request)
    view = await context.queue.get_task(task_id)
    if not is_of(principal, view):
        raise UnknownTaskError.of(task_id)
    return view
