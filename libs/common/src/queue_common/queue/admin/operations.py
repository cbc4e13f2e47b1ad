"""Changes to tasks and lanes: cancel, run now, requeue, purge, pause, resume."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import (
    QueueUnavailableError,
    UnknownTaskError,
    UnreadableRecordError,
    WrongStateError,
)
from ...task import State, TaskId
from ..storage.codes import STATE_DEAD, STATE_SCHEDULED, STATES
from ..storage.connection import translated
from .rerun import is_whole, rerun_dead, rerun_early

if TYPE_CHECKING:
    from ...task import TaskView
    from ..activity import EventPublisher
    from ..storage.record import Record
    from ..storage.scripts import Argument, Scripts
    from .reader import TaskReader

__all__ = ["Operations"]

PURGE_BATCH_SIZE = 1000
MAX_TRIES = 3
"""A task may move between two scripts; then the operation is repeated."""
DAY_MS = 24 * 3600 * 1000


class Operations:
    """Changes tasks and lanes; each operation is one script, or a bounded step repeated."""

    def __init__(
        self, scripts: Scripts, reader: TaskReader, *, result_ttl_ms: int,
        events: EventPublisher | None = None,
    ) -> None:  # fmt: skip
        """Tell ``events`` of what is changed."""
        self._events = events
        self._scripts = scripts
        self._reader = reader
        self._result_ttl_ms = result_ttl_ms

    async def cancel(
        self, task_id: TaskId, *, payload: bytes | None = None, operation: str = ""
    ) -> State:
        """Cancel a task and return the state in which it was found.

        A queued or scheduled task is cancelled at once. An active one is cancelled when its
        attempt ends without success; the attempt itself is not interrupted. ``payload`` is
        kept; by default the task without headers and body. Cancelling a cancelled task has no
        effect. ``operation`` counts it. Raises WrongStateError for a delivered or dead task,
        UnknownTaskError.
        """
        if payload is None:
            payload = _compact(await self._reader.record(task_id))
        found = await self._run(task_id, "cancel", task_id, self._result_ttl_ms, payload, operation)
        if found in {State.DELIVERED, State.DEAD}:
            msg = f"task {task_id} is {found}: there is nothing left to cancel"
            raise WrongStateError(msg)
        if found in {State.QUEUED, State.SCHEDULED}:
            await self._tell("task.cancelled", task_id)
        return found

    async def run(self, task_id: TaskId, *, operation: str = "") -> State:
        """Run a task as soon as a worker is free; return the state in which it was found.

        A scheduled task or a dead letter moves to the front of its lane; a queued or active one
        does not move. Raises WrongStateError for a delivered or cancelled one, and for an active
        one that was cancelled: it gets no further attempt.
        """
        moved: WrongStateError | None = None
        for _ in range(MAX_TRIES):
            record = await self._reader.record(task_id)
            found = record.state
            try:
                if found is State.SCHEDULED:
                    await self._run_early(task_id, record, operation)
                elif found is State.DEAD:
                    await self._requeue(task_id, record, DAY_MS, operation)
            except WrongStateError as error:
                moved = error  # since it was read, maybe: then its new state decides
                continue
            _require_runnable(task_id, record)
            return found
        assert moved is not None  # noqa: S101 - each turn of the loop sets it
        raise moved

    async def delete_dead(self, task_id: TaskId, *, operation: str = "") -> None:
        """Delete a dead letter; raises WrongStateError for a task that is not dead."""
        view = await self._view(task_id)
        found = await self._run(task_id, "delete_dead", task_id, operation)
        if found is not State.DEAD:
            msg = f"task {task_id} is {found}, not dead"
            raise WrongStateError(msg)
        if view is not None and self._events is not None:
            self._events.tell("task.deleted", view.lane, task_id=task_id, task=view.task)

    async def run_now(self, task_id: TaskId, *, operation: str = "") -> None:
        """Move a scheduled task to the front of its lane; raises WrongStateError for others.

        The deadline of a task that is run before its due time counts from now.
        """
        await self._run_early(task_id, await self._reader.record(task_id), operation)

    async def _run_early(self, task_id: TaskId, record: Record, operation: str) -> None:
        await self._move_to_front(task_id, State.SCHEDULED, rerun_early(record), operation)

    async def requeue(
        self, task_id: TaskId, *, lifetime_ms: int = DAY_MS, operation: str = ""
    ) -> None:
        """Move a dead letter to the front of its lane, where its retry policy begins anew.

        Its deadline counts from now; ``lifetime_ms`` is that of a task that has none. Its attempts
        continue to be numbered. Raises WrongStateError for a task that is not dead, and for one
        without its original headers or body.
        """
        await self._requeue(task_id, await self._reader.record(task_id), lifetime_ms, operation)

    async def _requeue(
        self, task_id: TaskId, record: Record, lifetime_ms: int, operation: str
    ) -> None:
        if record.state is State.DEAD and not is_whole(record):
            msg = f"task {task_id} cannot be sent again: its headers and body were not kept"
            raise WrongStateError(msg)
        replacement = rerun_dead(record, lifetime_ms)
        await self._move_to_front(task_id, State.DEAD, replacement, operation)

    async def _move_to_front(
        self, task_id: TaskId, required: State, replacement: bytes, operation: str
    ) -> None:
        code = STATE_SCHEDULED if required is State.SCHEDULED else STATE_DEAD
        found = await self._run(task_id, "run_now", task_id, code, replacement, operation)
        if found is not required:
            msg = f"task {task_id} is {found}, not {required}"
            raise WrongStateError(msg)
        await self._tell("task.requeued", task_id)

    async def purge(self, lane: str) -> int:
        """Remove a lane's queued and scheduled tasks, 1,000 per script call; return how many.

        Active tasks are not removed.
        """
        removed, more = 0, True
        while more:
            step, more = await self.purge_some(lane, steps=1)
            removed += step
        return removed

    async def purge_some(self, lane: str, *, steps: int) -> tuple[int, bool]:
        """Remove up to 1,000 tasks; return how many, and whether there are more."""
        removed, more = 0, True
        with translated():
            while more and steps:
                step, left = await self._scripts.run("purge", lane, PURGE_BATCH_SIZE)
                removed, more, steps = removed + int(step), bool(left), steps - 1
        if removed:
            self._tell_lane("lane.purged", lane, count=removed)
        return removed, more

    async def pause(self, lane: str | None = None) -> bool:
        """Stop claims from a lane, or from all; return whether that is a change.

        Tasks are still accepted, and active tasks continue.
        """
        with translated():
            is_change = bool(await self._scripts.run("pause", "pause", lane or ""))
        if is_change:
            self._tell_lane("lane.paused", lane)
        return is_change

    async def resume(self, lane: str | None = None) -> bool:
        """Undo ``pause`` of the same lane, or of all; return whether that is a change.

        A lane that was paused by name stays paused when all are resumed.
        """
        with translated():
            is_change = bool(await self._scripts.run("pause", "resume", lane or ""))
        if is_change:
            self._tell_lane("lane.resumed", lane)
        return is_change

    def _tell_lane(self, kind: str, lane: str | None, *, count: int | None = None) -> None:
        if lane is not None and self._events is not None and self._events.wanted:
            self._events.tell(kind, lane, count=count)

    async def _tell(self, kind: str, task_id: TaskId) -> None:
        """Tell of a task's move, if somebody may watch."""
        view = await self._view(task_id)
        if view is not None and self._events is not None:
            self._events.tell(kind, view.lane, task_id=task_id, state=view.state, task=view.task)

    async def _view(self, task_id: TaskId) -> TaskView | None:
        """Return what an event is to tell of a task; None if nobody watches."""
        if self._events is None or not self._events.wanted:
            return None
        with suppress(UnknownTaskError, UnreadableRecordError, QueueUnavailableError):
            return await self._reader.get_task(task_id)
        return None

    async def _run(self, task_id: TaskId, script: str, *arguments: Argument) -> State:
        with translated():
            found = await self._scripts.run(script, *arguments)
        if not found:
            raise UnknownTaskError.of(task_id)
        return STATES[found]


def _require_runnable(task_id: TaskId, record: Record) -> None:
    if record.state in {State.DELIVERED, State.CANCELLED}:
        msg = f"task {task_id} is {record.state}: it cannot be run"
        raise WrongStateError(msg)
    if record.state is State.ACTIVE and record.cancel_requested:
        msg = f"task {task_id} was cancelled: its attempt, which is under way, is its last"
        raise WrongStateError(msg)


def _compact(record: Record) -> bytes:
    try:
        return record.task().compact().encode()
    except UnreadableRecordError:
        return b""
