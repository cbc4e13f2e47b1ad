"""Submits tasks to the queue. No other module does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from queue_common.logs import events
from queue_common.task import Task, TaskId, new_task_id

if TYPE_CHECKING:
    import asyncio

    from queue_common.queue import Stored, TaskQueue

    from .trace import RequestTrace

__all__ = ["Submission", "enqueue"]

logger = structlog.stdlib.get_logger(__name__)


def enqueue(
    queue: TaskQueue, task: Task, trace: RequestTrace, task_id: TaskId | None = None
) -> Submission:
    """Submit a task. It is stored as soon as the submission's ``stored`` is done."""
    own_id = task_id or new_task_id()
    trace.sending()
    stored = queue.submission(own_id, task)
    return Submission(own_id, task, trace, stored, names_id=task_id is not None)


@dataclass(slots=True, eq=False)
class Submission:
    """A task that was sent to Redis."""

    task_id: TaskId
    task: Task
    trace: RequestTrace
    stored: asyncio.Future[Stored]
    """Done as soon as Redis has replied; raises QueueUnavailableError."""
    names_id: bool = False
    """The client has given the task its id."""

    @property
    def first(self) -> TaskId | None:
        """The id of the task that already exists; None if this task is new."""
        stored = self.stored.result()
        if isinstance(stored, str):
            return stored
        # An id of ours that is known was sent twice by ourselves.
        return self.task_id if self.names_id and not stored else None

    async def until_stored(self) -> None:
        """Return once Redis has the task; raises QueueUnavailableError. To be called once."""
        with suppress(Exception):  # raised below, after it is reported
            await self.stored
        self.report()

    def report(self) -> None:
        """Record the result of ``stored`` in trace and log; raises its error if it failed."""
        try:
            self.stored.result()
        except Exception as error:
            self.trace.sent(self.task_id, self.task, error)
            raise
        first = self.first
        self.trace.sent(first or self.task_id, self.task)
        fields = {
            events.TASK_ID: first or self.task_id,
            **events.lane_fields(self.task.lane),
            events.TRACE_ID: self.trace.send.trace_id,
        }
        logger.info(events.TASK_ENQUEUED if first is None else events.TASK_EXISTS, **fields)
