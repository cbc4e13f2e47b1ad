"""Look-ups: one task by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnknownTaskError, UnreadableRecordError
from ..task import State, TaskId, TaskView
from .connection import translated
from .record import Record

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ..task import Task

__all__ = ["Lookup", "view"]


def view(task_id: TaskId, record: Record) -> TaskView:
    """Return what a record tells."""
    task: Task | None
    try:
        task = record.task()
    except UnreadableRecordError:
        task = None
    waits = record.state in {State.SCHEDULED, State.QUEUED}
    return TaskView(
        id=task_id,
        state=record.state,
        lane=record.lane,
        attempts=record.attempts,
        interrupted=record.interrupted,
        due_at_ms=record.at_ms if waits else None,
        finished_at_ms=record.at_ms if record.state.settled else None,
        last_attempt=record.last_attempt(),
        task=task,
    )


class Lookup:
    """Reads tasks without changing anything."""

    def __init__(self, client: Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix

    async def record(self, task_id: TaskId) -> Record:
        """Return a task's record; raises UnknownTaskError, UnreadableRecordError."""
        with translated():
            raw = await self._client.get(f"{self._key_prefix}t:{task_id}")
        if raw is None:
            msg = f"no task has the id {task_id}: it never existed, or its record has expired"
            raise UnknownTaskError(msg)
        return Record.unpack(raw)

    async def view(self, task_id: TaskId) -> TaskView:
        """Return a task; raises UnknownTaskError, UnreadableRecordError."""
        return view(task_id, await self.record(task_id))
