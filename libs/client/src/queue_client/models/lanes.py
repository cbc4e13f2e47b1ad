"""Lanes: queues in the queue, by default one a destination."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Lane", "LaneHealth", "LaneLimits", "LanePage", "Purged", "RecentAttempts"]


class LaneHealth(msgspec.Struct, frozen=True):
    """Whether the destination answers: proven, trial or unhealthy."""

    state: str = "trial"
    next_probe_at: datetime | None = None


class LaneLimits(msgspec.Struct, frozen=True):
    """What a lane is limited to; None: no limit of its own."""

    concurrency: int | None = None
    rate: float | None = None
    """Attempts a second."""
    burst: int | None = None


class RecentAttempts(msgspec.Struct, frozen=True):
    """How the last attempts of a lane went."""

    delivered: int = 0
    failed: int = 0
    last_outcome: str | None = None
    last_status_code: int | None = None


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One lane as it is now."""

    lane: str
    waiting: int = 0
    scheduled: int = 0
    active: int = 0
    dead: int = 0
    oldest_age_seconds: float | None = None
    health: LaneHealth = LaneHealth()
    paused: bool = False
    limits: LaneLimits = LaneLimits()
    recent: RecentAttempts = RecentAttempts()


class LanePage(msgspec.Struct, frozen=True):
    """A page of lanes."""

    lanes: list[Lane]
    cursor: str | None = None

    @property
    def items(self) -> list[Lane]:
        """The lanes of this page."""
        return self.lanes


class Purged(msgspec.Struct, frozen=True):
    """What one call of a purge removed; ``more``: call again."""

    purged: int
    more: bool = False
