"""Lanes in requests and responses, as types. Times are RFC 3339."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from queue_common.queue.admin.lanes import LaneLimits, LaneRecent, LaneState

from ..parameters import written_time

__all__ = ["Lane", "LaneHealthShown", "LaneList", "LanePurged", "LanePut"]


class LaneHealthShown(msgspec.Struct, frozen=True):
    """Whether the lane's destination responds."""

    state: Literal["proven", "trial", "unhealthy"]
    next_probe_at: str | None
    """When an unhealthy lane's next request is made."""


class Lane(msgspec.Struct, frozen=True):
    """A lane as it is."""

    lane: str
    waiting: int
    scheduled: int
    active: int
    dead: int
    oldest_age_seconds: float | None
    """For how long the oldest waiting task has been due; null: none waits."""
    health: LaneHealthShown
    paused: bool
    limits: LaneLimits
    next_token_at: str | None
    """Until then the lane gets nothing: its rate, or its destination, asks for that."""
    recent: LaneRecent

    @classmethod
    def of(cls, state: LaneState) -> Lane:
        """Return what is told of a lane."""
        age = state.oldest_age_ms
        health = LaneHealthShown(state.health.state, written_time(state.health.next_probe_at_ms))
        return cls(
            state.lane, state.waiting, state.scheduled, state.active, state.dead,
            None if age is None else age / 1000, health, state.paused, state.limits,
            written_time(state.next_token_at_ms), state.recent,
        )  # fmt: skip


class LaneList(msgspec.Struct, frozen=True):
    """Some lanes."""

    lanes: list[Lane]
    cursor: str | None
    """For the next page; null on the last. A page may be short, or empty, and still have one."""


class LanePut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a lane, in place of those it had; null or left out: none."""

    concurrency: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Requests in flight, in place of LANE_CONCURRENCY."""
    rate: Annotated[float, Meta(ge=0.001, le=1_000_000)] | None = None
    """Requests a second, over time."""
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Requests that may be made at once, beside a rate; left out: those of a second."""
    paused: bool | UnsetType = UNSET
    """Whether the lane gets nothing; left out: as it is."""

    def limits(self) -> LaneLimits:
        """Return them as the queue takes them."""
        return LaneLimits(self.concurrency, self.rate, self.burst)


class LanePurged(msgspec.Struct, frozen=True):
    """What a purge removed."""

    purged: int
    more: bool
    """There is more to purge: call again."""
