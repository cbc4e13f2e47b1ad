"""A record as clients see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnreadableRecordError
from ...task import State, TaskId, TaskView
from ..storage.record import Record

if TYPE_CHECKING:
    from ...task import Task

__all__ = ["view", "view_of"]


def view(task_id: TaskId, record: Record, size: int) -> TaskView:
    """Return a record of ``size`` bytes as clients see it."""
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
        packed_attempts=record.packed_attempts,
        cancel_requested=record.cancel_requested,
        size=size,
        at_ms=record.at_ms,
    )


def view_of(task_id: TaskId, raw: bytes, size: int) -> TaskView | None:
    """Return a record as read; None for one that is missing or not ours."""
    try:
        return view(task_id, Record.unpack(raw), size)
    except UnreadableRecordError:
        return None
