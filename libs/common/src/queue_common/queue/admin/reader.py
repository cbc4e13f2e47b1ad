"""Reading: one task, pages of tasks, counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import UnknownTaskError, UnreadableRecordError
from ...task import State, TaskId, TaskView
from ..storage.connection import reply, translated
from ..storage.keys import Key
from ..storage.record import Record
from ..storage.reply_deadline import reply_within
from .pagination import Pagination

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ...task import Task
    from ..storage.keys import Keys
    from ..storage.scripts import Scripts

__all__ = ["Counts", "TaskPage", "TaskReader", "task_view"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks are in each state."""

    queued: int
    scheduled: int
    active: int
    dead: int
    settled: int | None
    """Records kept of delivered and cancelled tasks; None for a single lane."""


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks, and the cursor of the next page."""

    tasks: list[TaskView]
    cursor: str | None
    """None: this is the last page."""


def task_view(task_id: TaskId, record: Record) -> TaskView:
    """Return a record as clients see it."""
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


class TaskReader:
    """Reads tasks and changes none."""

    def __init__(self, client: Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys
        self._pages = Pagination(client, scripts, keys)

    async def record(self, task_id: str) -> Record:
        """Return a task's record; raises UnknownTaskError, UnreadableRecordError."""
        async with reply_within():
            with self._scripts.timed("look_up"):
                raw = await self._client.get(self._keys.of(Key.RECORD, task_id))
        if raw is None:
            raise UnknownTaskError.of(task_id)
        return Record.unpack(raw)

    async def get_task(self, task_id: TaskId) -> TaskView:
        """Return a task; raises UnknownTaskError, UnreadableRecordError."""
        return task_view(task_id, await self.record(task_id))

    async def records(self, task_ids: list[str]) -> list[Record | None]:
        """Return records in the order of the ids; None for a missing or unreadable one."""
        if not task_ids:
            return []
        with translated():
            raws = await reply(self._client.mget([self._keys.of(Key.RECORD, i) for i in task_ids]))
        return [_readable(raw) for raw in raws]

    async def list(
        self, state: State, *, lane: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> TaskPage:
        """Return a page of tasks in ``state``, and in ``lane`` if one is named.

        Costs O(page). Queued and scheduled tasks come lane by lane in the order of their turn,
        dead letters and settled tasks newest first. Tasks that move while pages are read may be
        missed or come twice; a page may hold fewer than ``limit`` and still have a cursor.
        Raises ValueError for a cursor of another origin.
        """
        found, next_cursor = await self._pages.ids(state, lane, cursor, limit)
        # An id that was cancelled and submitted again is in its lane's list twice.
        ids = list(dict.fromkeys(found))
        records = await self.records(ids)
        tasks = [
            task_view(TaskId(task_id), record)
            for task_id, record in zip(ids, records, strict=True)
            if record and record.state is state and lane in {None, record.lane}
        ]
        return TaskPage(tasks, next_cursor)

    async def count(self, lane: str | None = None) -> Counts:
        """Count the tasks of the queue, or of one lane, in O(1)."""
        return await (self._count_all() if lane is None else self._count_lane(lane))

    async def _count_all(self) -> Counts:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(self._keys.of(Key.COUNTERS), ["queued", "scheduled", "active"])
            pipeline.zcard(self._keys.of(Key.DEAD))
            pipeline.llen(self._keys.of(Key.RESULTS))
            with translated():
                (queued, scheduled, active), dead, settled = await pipeline.execute()
        return Counts(int(queued or 0), int(scheduled or 0), int(active or 0), dead, settled)

    async def _count_lane(self, lane: str) -> Counts:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.llen(self._keys.of(Key.WAITING, lane))
            pipeline.hget(self._keys.of(Key.TOMBSTONES), lane)
            pipeline.zcard(self._keys.of(Key.SCHEDULED, lane))
            pipeline.hget(self._keys.of(Key.IN_FLIGHT), lane)
            pipeline.zcard(self._keys.of(Key.DEAD_IN_LANE, lane))
            pipeline.zcard(self._keys.of(Key.SUSPECTED, lane))
            with translated():
                entries, tombstones, scheduled, active, dead, suspects = await pipeline.execute()
        queued = entries - int(tombstones or 0) + suspects
        return Counts(queued, scheduled, int(active or 0), dead, None)

    async def counters(self) -> dict[str, int]:
        """Return the totals since the queue began, by name (``…_total``)."""
        with translated():
            fields = await reply(self._client.hgetall(self._keys.of(Key.COUNTERS)))
        named = {name.decode(): value for name, value in fields.items()}
        return {name: int(value) for name, value in named.items() if name.endswith("_total")}


def _readable(raw: bytes | None) -> Record | None:
    try:
        return None if raw is None else Record.unpack(raw)
    except UnreadableRecordError:
        return None
