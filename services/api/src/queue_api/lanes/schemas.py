"""The types of requests and responses about lanes. Times are RFC 3339."""

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
    """The time of an unhealthy lane's next request."""


class Lane(msgspec.Struct, frozen=True):
    """The state of a lane."""

    lane: str
    waiting: int
    scheduled: int
    active: int
    dead: int
    oldest_age_seconds: float | None
    """Time for which the oldest waiting task has been due; null if none waits."""
    health: LaneHealthShown
    paused: bool
    limits: LaneLimits
    next_token_at: str | None
    """The lane is not served before this time, because of its rate or its destination."""
    recent: LaneRecent

    @classmethod
    def of(cls, state: LaneState) -> Lane:
        """Return a lane as a response shows it."""
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
    """The cursor of the next page; null on the last one. Even an empty page may have one."""


class LanePut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new settings of a lane; null or missing: no limit."""

    concurrency: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Max requests in flight, instead of LANE_CONCURRENCY."""
    rate: Annotated[float, Meta(ge=0.001, le=1_000_000)] | None = None
    """Max requests per second on average."""
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Max requests at once; only with a rate. Default: those of a second."""
    paused: bool | UnsetType = UNSET
    """Whether the lane is paused; missing: unchanged."""

    def limits(self) -> LaneLimits:
        """Return the limits for the queue."""
        return LaneLimits(self.concurrency, self.rate, self.burst)


class LanePurged(msgspec.Struct, frozen=True):
    """The result of a purge."""

    purged: int
    more: bool
    """Whether there are more tasks: call again."""
