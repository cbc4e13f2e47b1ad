"""What the queue does now and did before: stats, workers, events."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Event", "Now", "Point", "RedisState", "Series", "Stats", "Worker", "WorkerList"]


class Now(msgspec.Struct, frozen=True):
    """Counts of this moment."""

    waiting: int = 0
    scheduled: int = 0
    due: int = 0
    active: int = 0
    dead: int = 0
    oldest_waiting_seconds: float | None = None
    workers: int = 0
    unhealthy_lanes: int = 0
    trial_lanes: int = 0
    lanes: int = 0


class RedisState(msgspec.Struct, frozen=True):
    """How safe the tasks are in Redis."""

    durability: str = ""
    warnings: list[str] = []
    used_memory_bytes: int | None = None
    max_memory_bytes: int | None = None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a series; ``failed`` counts attempts."""

    at: datetime
    accepted: int = 0
    delivered: int = 0
    failed: int = 0
    dead: int = 0
    wait_p50_ms: float | None = None
    wait_p99_ms: float | None = None
    attempt_p50_ms: float | None = None
    attempt_p99_ms: float | None = None


class Series(msgspec.Struct, frozen=True):
    """Points at equal steps, the oldest first."""

    step_seconds: int
    points: list[Point] = []


class Stats(msgspec.Struct, frozen=True):
    """The overview: now, Redis, and the recent past."""

    at: datetime
    now: Now = Now()
    redis: RedisState = RedisState()
    series: dict[str, Series] = {}
    """``5s``: the last minutes; ``1h``: the last days."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A live worker."""

    id: str
    started_at: datetime | None = None
    concurrency: int | None = None
    active: int = 0
    lease_expires_at: datetime | None = None


class WorkerList(msgspec.Struct, frozen=True):
    """All live workers."""

    workers: list[Worker]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a task or a lane; or a gap, before which events may be missing."""

    type: str
    """task.accepted, attempt.failed, task.delivered, task.dead, task.cancelled, task.requeued,
    task.deleted, lane.paused, lane.resumed, lane.purged or gap."""
    at: datetime
    id: str | None = None
    """What ``last_event_id`` resumes after."""
    task_id: str | None = None
    lane: str | None = None
    state: str | None = None
    attempt: int | None = None
    outcome: str | None = None
    status_code: int | None = None
    duration_ms: float | None = None
    next_attempt_at: datetime | None = None
    url: str | None = None
    count: int | None = None
    """Tasks that a purge has removed."""
    labels: dict[str, str] = {}
