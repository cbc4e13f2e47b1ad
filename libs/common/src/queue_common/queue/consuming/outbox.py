"""The outbox: tasks that follow from others, such as callbacks, before they are in their lanes.

The script of a settlement puts them there. Any worker moves them into their lanes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from ...callbacks import callback_task
from ...errors import QueueUnavailableError, UnreadableRecordError
from ...retry import Dead
from ...sealing import open_task, seal_task
from ...task import TaskId
from ..activity import Death
from ..storage.codes import OUTBOX_TASK
from ..storage.connection import ReconnectBackoff, reply, translated
from ..storage.keys import Key
from ..storage.record import Record, queued_record
from .settlement import attempts_after

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ...retry import Decision
    from ...sealing import Sealer
    from ...task import Attempt, Task
    from ..activity import Activity
    from ..claim import Claim
    from ..storage.keys import Keys
    from ..storage.scripts import Scripts

__all__ = ["Outbox", "entry_after"]

BATCH_SIZE = 100

logger = structlog.stdlib.get_logger(__name__)


def entry_after(claim: Claim, attempt: Attempt, decision: Decision, sealer: Sealer) -> bytes:
    """Return the outbox's entry for the task that follows from an attempt; empty if none does."""
    if claim.task is None or claim.task.options is None:
        return b""
    made = (attempts_after(claim, attempt), claim.interrupted)
    return _entry(claim.task_id, claim.task, attempt, decision, made, sealer)


def _entry(
    task_id: TaskId, task: Task, attempt: Attempt, decision: Decision, made: tuple[int, int],
    sealer: Sealer,
) -> bytes:  # fmt: skip
    """Return the entry; ``made`` are the attempts that count, and those that were interrupted."""
    if task.sealed is not None and task.options is not None and task.options.callback is not None:
        # Without its key the callback goes out too, but for its headers and its URL's query.
        with suppress(UnreadableRecordError):
            task = open_task(sealer, task_id, task)
    found = callback_task(task_id, task, attempt, decision, *made)
    if found is None:
        return b""
    own_id, callback = found
    digest = callback.digest()
    if sealer.seals:
        callback = seal_task(sealer, own_id, callback)
    record = queued_record(callback.lane, callback.encode(), digest)
    return OUTBOX_TASK + own_id.encode() + record


class Outbox:
    """Moves the tasks of the outbox whenever ``work`` is set, until cancelled."""

    def __init__(
        self, client: Redis, scripts: Scripts, keys: Keys, sealer: Sealer,
        activity: Activity,
    ) -> None:  # fmt: skip
        self._client = client
        self._activity = activity
        self._sealer = sealer
        self._scripts = scripts
        self._keys = keys
        self.work = asyncio.Event()
        """Set if the outbox may not be empty."""

    async def run(self) -> None:
        """Move all tasks. Retries without limit while Redis is away."""
        backoff, failures = ReconnectBackoff(cap=1.0, base=0.05), 0
        while True:
            await self.work.wait()
            self.work.clear()
            try:
                await self.move_all()
                failures = 0
            except QueueUnavailableError as error:
                failures += 1
                logger.warning("redis.unavailable", reason=str(error), attempt=failures)
                await asyncio.sleep(backoff.compute(failures))
                self.work.set()

    async def move_all(self) -> int:
        """Move all tasks of the outbox; return how many entries were removed."""
        removed, more, died = 0, True, b""
        while more:
            death = await self._read_death(died.decode()) if died else None
            entry = self._entry_of(death) if death else b""
            watched = int(self._activity.events.wanted)
            with translated():
                moved, more, died, buried, stored = await self._scripts.run(
                    "move_outbox", BATCH_SIZE, died, entry, watched
                )
            removed += int(moved)
            if death and buried:
                self._activity.died(death)
            self._activity.moved(stored)
        return removed

    async def _read_death(self, task_id: str) -> Death | None:
        with translated():
            raw = await reply(self._client.get(self._keys.of(Key.RECORD, task_id)))
        try:
            record = Record.unpack(raw or b"")
            task = record.task()
        except UnreadableRecordError:
            return None
        attempt = record.last_attempt()
        if attempt is None:
            return None
        made = (record.attempts, record.interrupted)
        return Death(TaskId(task_id), record.lane, task, attempt, *made)

    def _entry_of(self, death: Death) -> bytes:
        reason = Dead(death.attempt.error or death.attempt.outcome)
        made = (death.attempts, death.interrupted)
        return _entry(death.task_id, death.task, death.attempt, reason, made, self._sealer)
