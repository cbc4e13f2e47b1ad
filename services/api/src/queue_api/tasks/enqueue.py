"""Handing a task to the queue: the only place that submits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from queue_common.logs import events
from queue_common.task import Task, TaskId, new_task_id

if TYPE_CHECKING:
    import asyncio

    from queue_common.queue import TaskQueue

    from .trace import RequestTrace

__all__ = ["Submission", "enqueue"]

logger = structlog.stdlib.get_logger(__name__)


def enqueue(
    queue: TaskQueue, task: Task, trace: RequestTrace, task_id: TaskId | None = None
) -> Submission:
    """Submit a task; it is safe once the submission's ``stored`` is done."""
    task_id = task_id or new_task_id()
    trace.sending()
    return Submission(task_id, task, trace, queue.submission(task_id, task))


@dataclass(slots=True, eq=False)
class Submission:
    """A task on its way to Redis."""

    task_id: TaskId
    task: Task
    trace: RequestTrace
    stored: asyncio.Future[bool]
    """Done once Redis has answered; fails with QueueUnavailableError."""

    async def until_stored(self) -> None:
        """Return once Redis has the task; raises QueueUnavailableError. To be called once."""
        with suppress(Exception):  # raised below, once it is told
            await self.stored
        self.report()

    def report(self) -> None:
        """Tell trace and log what ``stored`` says; raises the error where it failed."""
        try:
            self.stored.result()
        except Exception as error:
            self.trace.sent(self.task_id, self.task, error)
            raise
        self.trace.sent(self.task_id, self.task)
        fields = {
            events.TASK_ID: self.task_id,
            **events.lane_fields(self.task.lane),
            events.TRACE_ID: self.trace.send.trace_id,
        }
        logger.info(events.TASK_ENQUEUED, **fields)
