"""Handing a task to the queue: the only place that submits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from queue_common import events
from queue_common.task import Task, TaskId, new_task_id

if TYPE_CHECKING:
    from queue_common.queue import TaskQueue

    from .trace import RequestTrace

__all__ = ["enqueue"]

logger = structlog.stdlib.get_logger(__name__)


async def enqueue(queue: TaskQueue, task: Task, trace: RequestTrace) -> TaskId:
    """Return the new task's id once Redis has it; raises QueueUnavailableError."""
    task_id = new_task_id()
    trace.sending()
    try:
        await queue.submit(task_id, task)
    except Exception as error:
        trace.sent(task_id, task, error)
        raise
    trace.sent(task_id, task)
    told = {
        events.TASK_ID: task_id,
        events.LANE: task.lane,
        events.TRACE_ID: trace.send.trace_id,
    }
    logger.info(events.TASK_ENQUEUED, **told)
    return task_id
