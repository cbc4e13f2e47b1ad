"""All metrics that Redis counts for all processes."""

from __future__ import annotations

from typing import Final

from .metric import Kind, Metric, Source

__all__ = ["REDIS_METRICS"]

_QUEUE: Final = ("queue",)
_COUNTER, _GAUGE = Kind.COUNTER, Kind.GAUGE

LEASES_LOST: Final = Metric(
    "queue.leases_lost",
    _COUNTER,
    "{lease}",
    "Leases that ended without their worker stopping.",
    _QUEUE,
    Source.REDIS,
)
REDIS_UP: Final = Metric(
    "queue.redis_up", _GAUGE, "", "1 where Redis answered this process just now, else 0."
)
PERSISTENCE_OK: Final = Metric(
    "queue.redis_persistence_ok",
    _GAUGE,
    "",
    "1 where Redis writes to disk and its last write succeeded, else 0.",
    _QUEUE,
    Source.REDIS,
)
TASKS: Final = Metric(
    "queue.tasks",
    _GAUGE,
    "{task}",
    "Tasks by state: waiting for a worker, scheduled for later, active in a worker's hands, dead.",
    ("queue", "state"),
    Source.REDIS,
)
LANE_TASKS: Final = Metric(
    "queue.lane_tasks",
    _GAUGE,
    "{task}",
    "Tasks by state in the ten lanes that have the most, a few seconds old.",
    ("queue", "lane", "state"),
    Source.REDIS,
)
LANES: Final = Metric(
    "queue.lanes",
    _GAUGE,
    "{lane}",
    "Lanes that get less: unhealthy, on trial, throttled (they wait for a token), paused.",
    ("queue", "state"),
    Source.REDIS,
)
PROJECT_TASKS: Final = Metric(
    "queue.project_tasks",
    _GAUGE,
    "{task}",
    "Tasks of a project that wait or are scheduled, and active ones, of the first 100 projects.",
    ("queue", "project", "state"),
    Source.REDIS,
)
OLDEST_WAITING: Final = Metric(
    "queue.oldest_waiting_age",
    _GAUGE,
    "s",
    "How long the task that has waited the longest has been due; 0 where none waits.",
    _QUEUE,
    Source.REDIS,
)
WORKERS: Final = Metric(
    "queue.workers", _GAUGE, "{worker}", "Workers whose lease is alive.", _QUEUE, Source.REDIS
)
SUSPECTS: Final = Metric(
    "queue.suspects",
    _GAUGE,
    "{task}",
    "Waiting tasks under which two or more workers died in a row.",
    _QUEUE,
    Source.REDIS,
)
OUTBOX: Final = Metric(
    "queue.outbox_tasks",
    _GAUGE,
    "{task}",
    "Callbacks of tasks that have moved, which a worker is about to put into their lanes.",
    _QUEUE,
    Source.REDIS,
)
BACKLOG: Final = Metric(
    "queue.backlog_tasks",
    _GAUGE,
    "{task}",
    "What a worker could do now: tasks that wait or are due, without those of paused and throttled "
    "lanes, and callbacks.",
    _QUEUE,
    Source.REDIS,
)
DEAD_LETTERS: Final = Metric(
    "queue.dead_letters",
    _COUNTER,
    "{task}",
    "Tasks that went to the dead letters.",
    _QUEUE,
    Source.REDIS,
)
SETTLED_SIZE: Final = Metric(
    "queue.settled_size",
    _GAUGE,
    "By",
    "Bytes of the records of dead letters, and of delivered and cancelled tasks.",
    ("queue", "kind"),
    Source.REDIS,
)
SETTLED_SIZE_LIMIT: Final = Metric(
    "queue.settled_size_limit",
    _GAUGE,
    "By",
    "Max bytes of these records, over which the oldest are removed.",
    ("queue", "kind"),
    Source.REDIS,
)
REMOVED: Final = Metric(
    "queue.removed_by_bound",
    _COUNTER,
    "{task}",
    "Records removed: results and dead letters over their bounds or where Redis' memory is short, "
    "dead letters over DEAD_TTL, idempotency keys over IDEMPOTENCY_MAX.",
    ("queue", "kind"),
    Source.REDIS,
)

REDIS_METRICS: Final = (
    LEASES_LOST, REDIS_UP, PERSISTENCE_OK, TASKS, LANE_TASKS, LANES, PROJECT_TASKS,
    OLDEST_WAITING, WORKERS, SUSPECTS, OUTBOX, BACKLOG, DEAD_LETTERS, SETTLED_SIZE,
    SETTLED_SIZE_LIMIT, REMOVED,
)  # fmt: skip
