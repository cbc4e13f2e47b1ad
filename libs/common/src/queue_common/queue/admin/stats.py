"""Looking at a queue as a whole: its figures, the same whichever process asks.

Totals are counters that the moves themselves keep. Which lanes are the largest, and how long the
oldest task has waited, no move keeps: every 5 s one process, whoever comes first, looks at the
lanes in bounded steps and leaves in Redis what it found, for all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from ..storage.connection import open_client, ping_primary, translated
from ..storage.durability import inspect_persistence
from ..storage.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import Redis

    from ...settings import QueueSettings, RedisSettings
    from ..hooks import QueueHooks

__all__ = ["LaneSnapshot", "QueueSnapshot", "QueueStats"]

PERIOD_SECONDS: Final = 5.0
"""How often the lanes are looked at."""
KEPT_MS = 60_000
"""What was found is told for this long where nobody can look again."""
LANES_A_CALL = 100
"""A script call of this size takes Redis about a millisecond."""
CALLS_A_LOOK = 200
"""20,000 lanes; where there are more, the next look goes on behind them."""
DUE_LANES = 1000
LANES_TOLD = 10
ANSWER_SECONDS = 2.0
COUNTERS = (
    "suspects", "dead_total", "results_removed_total", "dead_removed_total", "dead_expired_total",
    "leases_lost_total", "dead_bytes", "result_bytes", "dead_max_bytes", "result_max_bytes",
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
        """Count what is still to be done."""
        return self.waiting + self.scheduled + self.active


class QueueSnapshot(msgspec.Struct, frozen=True):
    """How the queue stands."""

    waiting: int
    scheduled: int
    """Due ones included, until a worker moves them into their lanes."""
    due: int
    """Scheduled tasks whose time has come, of at most 1,000 lanes."""
    active: int
    dead: int
    workers: int
    """Workers whose lease is alive."""
    unhealthy_lanes: int
    """Lanes that get single probes, for their last attempts found nobody who responds."""
    trial_lanes: int
    """Lanes that wait on trial: new ones, and those that failed last."""
    oldest_waiting_ms: int | None
    """How long the task that has waited the longest has been due; None: not known just now."""
    lanes: tuple[LaneSnapshot, ...]
    """At most ten, those with the most unsettled tasks."""
    counters: dict[str, int]
    """What was counted since the queue began, the bytes that are kept and their bounds, by name;
    all of COUNTERS."""


class _Look(msgspec.Struct, frozen=True, array_like=True):
    """What was seen of the lanes: of all, or of those up to a point."""

    oldest_ms: int = -1
    lanes: tuple[LaneSnapshot, ...] = ()

    def and_(self, other: _Look) -> _Look:
        lanes = sorted((*self.lanes, *other.lanes), key=lambda lane: -lane.unsettled)
        return _Look(max(self.oldest_ms, other.oldest_ms), tuple(lanes[:LANES_TOLD]))


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """What lies in Redis."""

    last: _Look | None = None
    """Of all lanes."""
    so_far: _Look = _Look()
    """Of those up to ``after``, where there are more than one look takes in."""
    after: str = ""

    @property
    def told(self) -> _Look:
        return self.last or self.so_far


class QueueStats:
    """Reads figures.

    Every call raises QueueUnavailableError where Redis does not answer within 2 s.
    """

    def __init__(self, client: Redis, queue_name: str, hooks: QueueHooks) -> None:
        self.queue_name = queue_name
        self._client = client
        self._scripts = Scripts(client, queue_name, hooks)

    @classmethod
    def open(cls, redis: RedisSettings, queue: QueueSettings, hooks: QueueHooks) -> QueueStats:
        """Return one with a connection of its own, which opens with its first use."""
        client = open_client(redis, retries=1, answer_timeout_seconds=ANSWER_SECONDS)
        return cls(client, queue.queue_name, hooks)

    async def read(self) -> QueueSnapshot:
        """Return the figures in one round trip; its cost does not grow with the backlog."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                reply = await self._scripts.run("snapshot", DUE_LANES, *COUNTERS)
        waiting, scheduled, active, dead, workers, due, late, kept, unhealthy, trial, *counters = (
            reply
        )
        look = _kept(kept).told if kept else None
        return QueueSnapshot(
            waiting=waiting,
            scheduled=scheduled,
            due=due,
            active=active,
            dead=dead,
            workers=workers,
            unhealthy_lanes=unhealthy,
            trial_lanes=trial,
            oldest_waiting_ms=_oldest(waiting, late, look),
            lanes=look.lanes if look else (),
            counters=dict(zip(COUNTERS, counters, strict=True)),
        )

    async def look_at_lanes(self) -> bool:
        """Look at the lanes for all processes, where that is due; return whether it was."""
        with translated():
            period_ms = round(PERIOD_SECONDS * 1000)
            mine, stored = await self._scripts.run("take_stats_turn", period_ms)
            if mine:
                kept = await self._look(_kept(stored) if stored else _Kept())
                await self._scripts.run("keep_stats", msgspec.msgpack.encode(kept), KEPT_MS)
        return bool(mine)

    async def _look(self, kept: _Kept) -> _Kept:
        seen, after = kept.so_far, kept.after.encode()
        for _ in range(CALLS_A_LOOK):
            after, oldest_ms, *found = await self._scripts.run("measure_lanes", after, LANES_A_CALL)
            seen = seen.and_(_Look(oldest_ms, tuple(_lanes(found))))
            if not after:
                return _Kept(last=seen)
        return _Kept(kept.last, seen, after.decode())

    async def persists(self) -> bool | None:
        """Say whether Redis writes to disk and its last write succeeded; None: it does not tell."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                return await inspect_persistence(self._client)

    async def ping(self) -> None:
        """Return if Redis answers, and is no replica."""
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                await ping_primary(self._client)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


def _oldest(waiting: int, late_ms: int, look: _Look | None) -> int | None:
    if waiting == 0:
        return late_ms
    return None if look is None else max(look.oldest_ms, late_ms, 0)


def _kept(raw: bytes) -> _Kept:
    try:
        return msgspec.msgpack.decode(raw, type=_Kept)
    except msgspec.DecodeError:
        return _Kept()  # of another release: looked at anew


def _lanes(reply: list[bytes | int]) -> Iterable[LaneSnapshot]:
    for i in range(0, len(reply), 5):
        name, *counts = reply[i : i + 5]
        yield msgspec.convert((name.decode(), *counts), LaneSnapshot)  # type: ignore[union-attr]
