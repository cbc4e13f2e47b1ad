"""The state of a queue as a whole, the same in every process.

The scripts keep totals as counters. The largest lanes and the oldest waiting task are no counters:
every 5 s one process, the first to ask, scans the lanes in bounded steps and stores the result in
Redis for all processes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from ..storage.connection import open_client, ping_primary, translated
from ..storage.durability import inspect_persistence
from ..storage.scripts import Scripts
from .project_now import read_project_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import Redis

    from ...settings import QueueSettings, RedisSettings
    from ..hooks import QueueHooks
    from .project_now import ProjectNow

__all__ = ["LaneSnapshot", "QueueSnapshot", "QueueStats"]

PERIOD_SECONDS: Final = 5.0
"""How often the lanes are scanned."""
SCAN_TTL_MS = 60_000
"""How long a scan is used if no process can scan again."""
SCAN_BATCH_SIZE = 100
"""Lanes a script call, which then takes Redis about a millisecond."""
MAX_SCAN_CALLS = 200
"""20,000 lanes a scan; if there are more, the next scan continues after them."""
MAX_DUE_LANES = 1000
MAX_LANES = 10
MAX_PROJECTS = 100
MAX_HELD_LANES = 100
REPLY_SECONDS = 2.0
COUNTERS = (
    "suspects", "dead_total", "results_removed_total", "dead_removed_total", "dead_expired_total",
    "leases_lost_total", "idempotent_removed_total", "dead_bytes",
    "result_bytes", "dead_max_bytes", "result_max_bytes",
)  # fmt: skip


class LaneSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """How many tasks of one lane are in each state."""

    name: str
    waiting: int
    scheduled: int
    active: int
    dead: int

    @property
    def unsettled(self) -> int:
        """Count the tasks that are still to be done."""
        return self.waiting + self.scheduled + self.active


class ProjectSnapshot(msgspec.Struct, frozen=True):
    """How many unsettled tasks of one project wait or are scheduled, and are active."""

    name: str
    waiting: int
    active: int


class QueueSnapshot(msgspec.Struct, frozen=True):
    """The state of the queue."""

    waiting: int
    scheduled: int
    """Due ones included, until a worker moves them into their lanes."""
    due: int
    """Scheduled tasks that are due, of at most 1,000 lanes."""
    active: int
    dead: int
    workers: int
    """Workers with a live lease."""
    unhealthy_lanes: int
    """Lanes that get single probes because their last attempts got no response."""
    trial_lanes: int
    """Lanes that wait on trial: new ones, and those with a failure last."""
    oldest_waiting_ms: int | None
    """Time for which the oldest waiting task has been due; None if unknown."""
    lanes: tuple[LaneSnapshot, ...]
    """The ten lanes with the most unsettled tasks."""
    counters: dict[str, int]
    """The counters in COUNTERS, by name: totals since the queue began, bytes kept and their max."""
    throttled_lanes: int = 0
    """Lanes with waiting tasks and no token, by their rate or because their destination asked."""
    paused_lanes: int = 0
    outbox: int = 0
    """Tasks that follow from others, such as callbacks, and are not in their lanes yet."""
    held: int = 0
    """Waiting and due tasks of 100 paused and 100 throttled lanes: no worker may start them."""
    projects: tuple[ProjectSnapshot, ...] = ()
    """The first 100 projects by name, without ``default``'s use."""

    @property
    def backlog(self) -> int:
        """Count what a worker could do now."""
        return max(self.waiting + self.due - self.held, 0) + self.outbox


class _Scan(msgspec.Struct, frozen=True, array_like=True):
    """What a scan found: of all lanes, or of those up to some lane."""

    oldest_ms: int = -1
    lanes: tuple[LaneSnapshot, ...] = ()

    def merge(self, other: _Scan) -> _Scan:
        lanes = sorted((*self.lanes, *other.lanes), key=lambda lane: -lane.unsettled)
        return _Scan(max(self.oldest_ms, other.oldest_ms), tuple(lanes[:MAX_LANES]))


class _StoredScan(msgspec.Struct, frozen=True, array_like=True):
    """The scan that is stored in Redis."""

    last: _Scan | None = None
    """The last scan of all lanes."""
    so_far: _Scan = _Scan()
    """The scan of the lanes up to ``after``, if there are more than one call covers."""
    after: str = ""

    @property
    def latest(self) -> _Scan:
        return self.last or self.so_far


class QueueStats:
    """Reads a queue's state.

    Every call raises QueueUnavailableError if Redis does not reply within 2 s.
    """

    def __init__(self, client: Redis, queue_name: str, hooks: QueueHooks) -> None:
        self.queue_name = queue_name
        self._client = client
        self._scripts = Scripts(client, queue_name, hooks)

    @classmethod
    def open(cls, redis: RedisSettings, queue: QueueSettings, hooks: QueueHooks) -> QueueStats:
        """Return one with its own connection, which opens at the first use."""
        client = open_client(redis, retries=1, reply_timeout_seconds=REPLY_SECONDS)
        return cls(client, queue.queue_name, hooks)

    async def read(self) -> QueueSnapshot:
        """Return the state in one round trip; the cost does not grow with the backlog."""
        with translated():
            async with asyncio.timeout(REPLY_SECONDS):
                reply = await self._scripts.run(
                    "snapshot", MAX_DUE_LANES, MAX_PROJECTS, MAX_HELD_LANES, *COUNTERS
                )
        (
            waiting, scheduled, active, dead, workers, due, late, stored, unhealthy, trial,
            throttled, paused, outbox, held, projects, *counters,
        ) = reply  # fmt: skip
        scan = _stored(stored).latest if stored else None
        return QueueSnapshot(
            waiting=waiting,
            scheduled=scheduled,
            due=due,
            active=active,
            dead=dead,
            workers=workers,
            unhealthy_lanes=unhealthy,
            trial_lanes=trial,
            oldest_waiting_ms=_oldest(waiting, late, scan),
            lanes=scan.lanes if scan else (),
            counters=dict(zip(COUNTERS, counters, strict=True)),
            throttled_lanes=throttled,
            paused_lanes=paused,
            outbox=outbox,
            held=held,
            projects=tuple(ProjectSnapshot(name.decode(), *use) for name, *use in projects),
        )

    async def read_project(self, project: str) -> ProjectNow:
        """Return a project's state."""
        async with asyncio.timeout(REPLY_SECONDS):
            return await read_project_now(self._scripts, project)

    async def scan_lanes(self) -> bool:
        """Scan the lanes for all processes, if that is due; return whether it was."""
        with translated():
            period_ms = round(PERIOD_SECONDS * 1000)
            is_due, stored = await self._scripts.run("take_stats_turn", period_ms)
            if is_due:
                scan = await self._scan(_stored(stored) if stored else _StoredScan())
                await self._scripts.run("keep_stats", msgspec.msgpack.encode(scan), SCAN_TTL_MS)
        return bool(is_due)

    async def _scan(self, stored: _StoredScan) -> _StoredScan:
        found_so_far, after = stored.so_far, stored.after.encode()
        for _ in range(MAX_SCAN_CALLS):
            after, oldest_ms, *found = await self._scripts.run(
                "measure_lanes", after, SCAN_BATCH_SIZE
            )
            found_so_far = found_so_far.merge(_Scan(oldest_ms, tuple(_lanes(found))))
            if not after:
                return _StoredScan(last=found_so_far)
        return _StoredScan(stored.last, found_so_far, after.decode())

    async def persists(self) -> bool | None:
        """Return whether Redis persists and its last write succeeded; None: INFO is forbidden."""
        with translated():
            async with asyncio.timeout(REPLY_SECONDS):
                return await inspect_persistence(self._client)

    async def ping(self) -> None:
        """Return if Redis replies and is a primary."""
        with translated():
            async with asyncio.timeout(REPLY_SECONDS):
                await ping_primary(self._client)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _oldest(waiting: int, late_ms: int, scan: _Scan | None) -> int | None:
    if waiting == 0:
        return late_ms
    return None if scan is None else max(scan.oldest_ms, late_ms, 0)


def _stored(raw: bytes) -> _StoredScan:
    try:
        return msgspec.msgpack.decode(raw, type=_StoredScan)
    except msgspec.DecodeError:
        return _StoredScan()  # stored by another release: scan again


def _lanes(reply: list[bytes | int]) -> Iterable[LaneSnapshot]:
    for i in range(0, len(reply), 5):
        name, *counts = reply[i : i + 5]
        yield msgspec.convert((name.decode(), *counts), LaneSnapshot)  # type: ignore[union-attr]
