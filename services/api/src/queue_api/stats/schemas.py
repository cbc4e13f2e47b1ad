"""The types of responses about the whole queue."""

from __future__ import annotations

import msgspec

__all__ = ["Now", "RedisState", "SeriesStatus", "Stats", "StatsPoint"]


class Now(msgspec.Struct, frozen=True):
    """The number of the project's tasks and lanes in each state, and of all workers."""

    waiting: int
    scheduled: int
    due: int
    """Scheduled tasks that are due."""
    active: int
    dead: int
    oldest_waiting_seconds: float | None
    """null if unknown."""
    workers: int
    unhealthy_lanes: int
    trial_lanes: int
    lanes: int
    """Lanes with waiting, scheduled or active tasks."""


class RedisState(msgspec.Struct, frozen=True):
    """Durability and memory of Redis."""

    durability: str
    warnings: list[str]
    used_memory_bytes: int
    max_memory_bytes: int
    """0: no limit."""


class StatsPoint(msgspec.Struct, frozen=True):
    """The activity in one time step."""

    at: str
    """The start of the step."""
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
    """Steps of equal length, the oldest first. The last one is incomplete."""

    step_seconds: int
    points: list[StatsPoint]


class Stats(msgspec.Struct, frozen=True):
    """The current state of the queue, and a project's activity over time."""

    at: str
    now: Now
    redis: RedisState
    series: dict[str, SeriesStatus]
    """``5s``: the last 5 minutes, ``1h``: the last 3 days."""
