"""Reading: one task, pages of tasks, counts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ...errors import UnknownTaskError, UnreadableRecordError
from ...sealing import open_task
from ...task import State, TaskId
from ..names import hash_of_name
from ..storage.connection import reply, translated
from ..storage.keys import Key
from ..storage.record import Record
from ..storage.reply_deadline import reply_within
from .dead_groups import DeadGroups
from .search import Pagination, TaskFilter, TaskSearch
from .view import view

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from ...sealing import Sealer
    from ...task import Task, TaskView
    from ..storage.keys import Keys
    from ..storage.scripts import Scripts
    from .search import TaskPage

__all__ = ["Counts", "TaskReader"]


DIGEST_BYTES = 8
"""What stands before the task's id in the record of an idempotency key (``idempotency.lua``)."""
REPLAYS_TTL_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of tasks in each state."""

    queued: int
    scheduled: int
    active: int
    dead: int
    settled: int | None
    """Records of delivered and cancelled tasks; None for a single lane."""


class TaskReader:
    """Reads tasks and changes none."""

    def __init__(self, client: Redis, scripts: Scripts, keys: Keys, sealer: Sealer) -> None:
        self._client = client
        self._sealer = sealer
        self._scripts = scripts
        self._keys = keys
        self.search = TaskSearch(scripts, Pagination(client, scripts, keys))
        """Pages of tasks by a filter."""
        self.dead_groups = DeadGroups(scripts)
        """Dead letters by what they have in common."""

    async def record(self, task_id: str) -> Record:
        """Return a task's record; raises UnknownTaskError, UnreadableRecordError."""
        return Record.unpack(await self._raw(task_id))

    async def _raw(self, task_id: str) -> bytes:
        async with reply_within():
            with self._scripts.timed("look_up"):
                raw = await self._client.get(self._keys.of(Key.RECORD, task_id))
        if raw is None:
            raise UnknownTaskError.of(task_id)
        return cast("bytes", raw)

    async def get_task(self, task_id: TaskId) -> TaskView:
        """Return a task; raises UnknownTaskError, UnreadableRecordError."""
        raw = await self._raw(task_id)
        return view(task_id, Record.unpack(raw), len(raw))

    async def named_task(self, project: str, key: str) -> TaskView | None:
        """Return the task that has an idempotency key, in O(1); None if it is not remembered.

        A task that dies or is cancelled has lost its key to whoever sends it next; a search finds
        it. Raises QueueUnavailableError.
        """
        name = self._keys.of(Key.IDEMPOTENT, hash_of_name(project, key))
        with translated():
            kept = await reply(self._client.get(name))
        if kept is None:
            return None
        try:
            return await self.get_task(TaskId(kept[DIGEST_BYTES:].decode()))
        except UnknownTaskError:
            return None

    async def whole_task(self, task_id: TaskId) -> Task | None:
        """Return a task with headers and body; None if they are no longer kept.

        Those of a delivered task are kept for RESULT_FULL_TTL. Raises QueueUnavailableError, and
        UnreadableRecordError if they are kept, but this process lacks their key.
        """
        keys = [self._keys.of(key, task_id) for key in (Key.RECORD, Key.WHOLE)]
        with translated():
            raw, whole = await reply(self._client.mget(keys))
        record = _readable(raw)
        if record is not None and record.state is State.DELIVERED:
            record = _readable(whole)
        if record is None:
            return None
        try:
            stored = record.task()
        except UnreadableRecordError:
            return None
        task = open_task(self._sealer, task_id, stored)
        return task if task.is_whole(record.digest) else None

    async def note_replay(self, source: TaskId, replay: TaskId) -> None:
        """Store the id of a task that replays another one. The last five are kept for 30 days."""
        key = self._keys.of(Key.REPLAYS, source)
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zadd(key, {replay: round(time.time() * 1000)}, nx=True)
            pipeline.zremrangebyrank(key, 0, -6)
            pipeline.pexpire(key, REPLAYS_TTL_MS)
            with translated():
                await pipeline.execute()

    async def replays(self, task_id: TaskId) -> list[TaskId]:
        """Return the last five replays of this task, newest first."""
        with translated():
            ids = await reply(self._client.zrevrange(self._keys.of(Key.REPLAYS, task_id), 0, 4))
        return [TaskId(i.decode()) for i in ids]

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
        """Return a page of tasks in ``state``, and in ``lane`` if one is named, of all projects.

        Costs O(page). Queued and scheduled tasks come lane by lane in the order of their turn,
        dead letters and settled tasks newest first. For the rest see ``TaskSearch.page``.
        """
        wanted = TaskFilter(states=(state,), lane=lane)
        return await self.search.page(wanted, cursor, limit)

    async def count(self, lane: str | None = None) -> Counts:
        """Count the tasks of the queue, or of one lane, in O(1)."""
        return await (self._count_all() if lane is None else self._count_lane(lane))

    async def count_lanes(self) -> int:
        """Count the lanes with waiting, scheduled or active tasks, in O(1)."""
        with translated():
            return int(await reply(self._client.zcard(self._keys.of(Key.LANES))))

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
