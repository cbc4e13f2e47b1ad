"""What is told of the queue as a whole, as types."""

from __future__ import annotations

import msgspec

__all__ = ["Now", "RedisState", "SeriesStatus", "Stats", "StatsPoint"]


class Now(msgspec.Struct, frozen=True):
    """How many tasks of all projects are in each state, and what works on them."""

    waiting: int
    scheduled: int
    due: int
    """Scheduled tasks that are due."""
    active: int
    dead: int
    oldest_waiting_seconds: float | None
    """null: not known at the moment."""
    workers: int
    unhealthy_lanes: int
    trial_lanes: int
    lanes: int
    """Lanes with waiting, scheduled or active tasks."""


class RedisState(msgspec.Struct, frozen=True):
    """How Redis keeps the tasks."""

    durability: str
    warnings: list[str]
    used_memory_bytes: int
    max_memory_bytes: int
    """0: no limit."""


class StatsPoint(msgspec.Struct, frozen=True):
    """What happened in one step of time."""

    at: str
    """When the step began."""
    accepted: int
    delivered: int
    failed: int
    """Attempts."""
    dead: int
    wait_p50_ms: float | None
    """From the time at which a task could be claimed to its attempt."""
    wait_p99_ms: float | None
    attempt_p50_ms: float | None
    attempt_p99_ms: float | None


class SeriesStatus(msgspec.Struct, frozen=True):
    """Steps of equal length, the oldest first; the last one goes on."""

    step_seconds: int
    points: list[StatsPoint]


class Stats(msgspec.Struct, frozen=True):
    """The state of the queue now, and what a project did over time."""

    at: str
    now: Now
    redis: RedisState
    series: dict[str, SeriesStatus]
    """``5s``: the last 5 minutes, ``1h``: the last 3 days."""
