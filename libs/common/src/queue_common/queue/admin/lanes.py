"""Lanes: their tasks, health, limits, and what their last attempts came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ...lanes import lane_in, split_lane
from ..storage.connection import translated

if TYPE_CHECKING:
    from ..storage.scripts import Scripts

__all__ = ["LaneHealth", "LaneLimits", "LanePage", "LaneRecent", "LaneState", "Lanes", "Order"]

READ_BATCH_SIZE = 100
"""Lanes a script call, which then takes Redis one or two milliseconds."""
MAX_PLACE_CHARACTERS = 400
"""A lane's name in the queue, or SCAN's cursor."""
Order = Literal["trouble", "name"]


class LaneLimits(msgspec.Struct, frozen=True):
    """Limits that an operator has set for a lane; None: there is none."""

    concurrency: int | None = None
    """Requests in flight, in place of LANE_CONCURRENCY."""
    rate: float | None = None
    """Requests a second, over time."""
    burst: int | None = None
    """Requests that may be made at once; at least those that the rate allows in 10 ms."""


class LaneHealth(msgspec.Struct, frozen=True):
    """Whether the lane's destination responds."""

    state: Literal["proven", "trial", "unhealthy"]
    next_probe_at_ms: int | None
    """Unix time of an unhealthy lane's next request."""


class LaneRecent(msgspec.Struct, frozen=True):
    """What the attempts of the last 5 to 10 minutes came to, 2 s late."""

    delivered: int
    failed: int
    last_outcome: str | None
    """Of the last day."""
    last_status_code: int | None


class LaneState(msgspec.Struct, frozen=True):
    """A lane as it is."""

    project: str
    lane: str
    waiting: int
    scheduled: int
    active: int
    dead: int
    oldest_age_ms: int | None
    """For how long the oldest waiting task has been due."""
    health: LaneHealth
    paused: bool
    limits: LaneLimits
    next_token_at_ms: int | None
    """Until then the lane gets nothing: its rate, or its destination, asks for that."""
    recent: LaneRecent


class LanePage(msgspec.Struct, frozen=True):
    """Some lanes."""

    lanes: list[LaneState]
    cursor: str | None
    """None: this is the last page."""


class Lanes:
    """Reads lanes and sets their limits."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def page(
        self, project: str, *, order: Order = "trouble", prefix: str = "",
        cursor: str | None = None, limit: int = 100,
    ) -> LanePage:  # fmt: skip
        """Return a page of lanes: unhealthy ones, failing ones, paused ones, others by name.

        The larger the share of recent attempts that failed, the earlier a lane comes. Costs
        O(page); a page may have fewer or a few more than ``limit`` and still a cursor. Raises
        ValueError for a cursor of another origin.
        """
        phase, place = _parse(cursor)
        with translated():
            next_phase, next_place, *names = await self._scripts.run(
                "find_lanes", project, order, prefix, phase, place, limit
            )
        # SCAN may bring one twice.
        lanes = await self._read(list(dict.fromkeys(name.decode() for name in names)))
        more = f"{next_phase.decode()}:{next_place.decode()}" if next_phase else None
        return LanePage(lanes, more)

    async def get(self, project: str, lane: str) -> LaneState:
        """Return a lane; one that nobody has used has no tasks."""
        (found,) = await self._read([lane_in(project, lane)])
        return found

    async def put(self, project: str, lane: str, limits: LaneLimits) -> None:
        """Set a lane's limits in place of those it had; it then has all its tokens."""
        burst = limits.burst
        if limits.rate is not None and burst is None:
            burst = max(round(limits.rate), 1)
        rate = None if limits.rate is None else repr(limits.rate)
        values = ["" if value is None else value for value in (limits.concurrency, rate, burst)]
        with translated():
            await self._scripts.run("set_lane", lane_in(project, lane), *values)

    async def _read(self, names: list[str]) -> list[LaneState]:
        rows: list[list[Any]] = []
        with translated():
            for begin in range(0, len(names), READ_BATCH_SIZE):
                part = names[begin : begin + READ_BATCH_SIZE]
                rows += await self._scripts.run("read_lanes", *part)
        return [_lane(name, row) for name, row in zip(names, rows, strict=True)]


def _parse(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    phase, colon, place = cursor.partition(":")
    known = {"unhealthy", "troubled", "failing", "paused", "named", "limited"}
    is_place = len(place) <= MAX_PLACE_CHARACTERS
    if phase == "troubled":
        share = place.partition(" ")[0]
        is_place = is_place and (share or "0").isdecimal() and share.isascii()
    elif phase != "named":
        is_place = is_place and place.isascii() and (place or "0").isdecimal()
        is_place = is_place and int(place or 0) < 1 << 64
    if not colon or phase not in known or not is_place:
        msg = f"not a cursor of this queue: {cursor!r}"
        raise ValueError(msg)
    return phase, place


def _lane(name: str, row: list[Any]) -> LaneState:
    waiting, scheduled, active, dead, oldest, health, proven, paused, limits, *rest = row
    next_token, delivered, failed, outcome, status = rest
    project, lane = split_lane(name)
    return LaneState(
        project=project,
        lane=lane,
        waiting=waiting,
        scheduled=scheduled,
        active=active,
        dead=dead,
        oldest_age_ms=oldest if oldest >= 0 else None,
        health=_health(health, proven=bool(proven)),
        paused=bool(paused),
        limits=_limits(limits.decode()),
        next_token_at_ms=next_token or None,
        recent=LaneRecent(
            delivered, failed, outcome.decode() or None, int(status) if status else None
        ),
    )


def _health(kept: bytes, *, proven: bool) -> LaneHealth:
    if kept:
        return LaneHealth("unhealthy", int(kept.split()[2]))
    return LaneHealth("proven" if proven else "trial", None)


def _limits(kept: str) -> LaneLimits:
    concurrency, rate, burst = (None if v == "-" else v for v in (kept or "- - -").split())
    return LaneLimits(
        int(concurrency) if concurrency else None, float(rate) if rate else None,
        int(burst) if burst else None,
    )  # fmt: skip
