"""Creates the task that repeats another one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from queue_common.errors import UnreadableRecordError, WrongStateError
from queue_common.lanes import lane_in, lane_of, split_lane
from queue_common.options import TaskOptions
from queue_common.retry import own_deadline_ms
from queue_common.task import State

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue
    from queue_common.task import Task, TaskView

__all__ = ["repeated", "whole_source"]

SETTLED = frozenset({State.DEAD, State.DELIVERED, State.CANCELLED})


async def whole_source(queue: TaskQueue, view: TaskView) -> Task:
    """Return a dead or delivered task with headers and body; raises WrongStateError without them.

    The error says if they are kept, and only their key is missing. A cancelled task has none, also
    if it never had any: who cancels need not know what the task was like.
    """
    if view.state not in SETTLED:
        msg = f"task {view.id} is {view.state}: only a settled task can be replayed"
        raise WrongStateError(msg)
    if view.state is State.CANCELLED:
        raise WrongStateError(_not_kept(view))
    try:
        task = await queue.reader.whole_task(view.id)
    except UnreadableRecordError as error:
        msg = f"task {view.id} cannot be replayed: {error}"
        raise WrongStateError(msg) from error
    if task is None:
        raise WrongStateError(_not_kept(view))
    return task


def _not_kept(view: TaskView) -> str:
    why = "" if view.state is not State.CANCELLED else "; a cancellation removes them at once"
    return f"task {view.id} cannot be replayed: its headers and body are not kept any more{why}"


def repeated(
    source: TaskView, task: Task, trace_context: dict[str, str] | None, asked: Task
) -> Task:
    """Return a task like ``task``, accepted now, that makes the request of ``asked``."""
    project, lane = split_lane(task.lane)
    # A lane set by the client is kept; otherwise the lane follows from the new URL.
    new_lane = lane_in(project, lane_of(asked.url)) if lane == lane_of(task.url) else task.lane
    options = msgspec.structs.replace(
        task.options or TaskOptions(), replay_of=source.id, delay_ms=0, schedule_at_ms=None,
        idempotency_key=None,
    )  # fmt: skip
    return msgspec.structs.replace(
        asked, lane=new_lane, accepted_at_ms=round(time.time() * 1000),
        trace_context=trace_context, options=options, retry_deadline_ms=own_deadline_ms(task),
        rerun=None,
    )  # fmt: skip
