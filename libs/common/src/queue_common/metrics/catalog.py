"""Every metric there is: the one place where their names stand.

Names and units are OpenTelemetry's, from its conventions where they have the thing. Prometheus'
name of each follows by the rule of OpenTelemetry's specification ("Prometheus and OpenMetrics
Compatibility"): dots become underscores, then the unit, then ``_total`` on what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

__all__ = ["METRICS", "Kind", "Metric", "Source"]


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(Enum):
    """Who counts, and so how figures of several pods go together."""

    PROCESS = "sum"
    """Each process counts its own: sums over the pods are the whole."""
    REDIS = "max"
    """Redis counts for all: every pod shows the same."""


_UNITS: Final = {"s": "_seconds", "By": "_bytes"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; its attributes' values are from bounded sets."""

    name: str
    kind: Kind
    unit: str
    """As OpenTelemetry writes it: ``s``, ``By``, or the thing counted in braces; empty: yes, no."""
    description: str
    attributes: tuple[str, ...] = ()
    source: Source = Source.PROCESS
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """Its name on ``/metrics``."""
        name = _underscored(self.name) + _UNITS.get(self.unit, "")
        return name + "_total" if self.kind is Kind.COUNTER else name

    @property
    def labels(self) -> tuple[str, ...]:
        """Its attributes' names on ``/metrics``."""
        return tuple(map(_underscored, self.attributes))


def _underscored(name: str) -> str:
    return name.replace(".", "_")


# Advised by the conventions for HTTP and messaging, and for databases.
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30)
_ROUND_TRIP = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_DELAY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)
_LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_QUEUE: Final = ("queue",)
_DESTINATION: Final = "messaging.destination.name"
_COUNTER, _GAUGE, _HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

REQUEST_DURATION: Final = Metric(
    "http.server.request.duration",
    _HISTOGRAM,
    "s",
    "From a request's arrival to the end of its answer.",
    ("http.request.method", "http.route", "http.response.status_code"),
    buckets=_REQUEST,
)
REFUSALS: Final = Metric(
    "queue.api_refusals", _COUNTER, "{connection}", "Connections ended by a limit.", ("reason",)
)
SENT: Final = Metric(
    "messaging.client.sent.messages",
    _COUNTER,
    "{message}",
    "Tasks handed to Redis, by the error where it did not take them.",
    (_DESTINATION, "error.type"),
)
CONSUMED: Final = Metric(
    "messaging.client.consumed.messages",
    _COUNTER,
    "{message}",
    "Tasks claimed by workers.",
    (_DESTINATION,),
)
DELIVERY_DURATION: Final = Metric(
    "http.client.request.duration",
    _HISTOGRAM,
    "s",
    "From the beginning of a delivery's request to the end of the destination's answer.",
    ("http.request.method", "http.response.status_code", "error.type"),
    buckets=_REQUEST,
)
PROCESS_DURATION: Final = Metric(
    "messaging.process.duration",
    _HISTOGRAM,
    "s",
    "An attempt as a whole, from its claim in the worker's hands to its settlement in Redis.",
    (_DESTINATION, "error.type"),
    buckets=_REQUEST,
)
START_DELAY: Final = Metric(
    "queue.start_delay",
    _HISTOGRAM,
    "s",
    "From the time an attempt was due to its start.",
    _QUEUE,
    buckets=_DELAY,
)
ATTEMPTS: Final = Metric(
    "queue.attempts", _COUNTER, "{attempt}", "Attempts by their outcome.", ("queue", "outcome")
)
RETRIES: Final = Metric(
    "queue.retries", _COUNTER, "{task}", "Attempts after which the task is tried again.", _QUEUE
)
DEFERRED: Final = Metric(
    "queue.deferred_attempts",
    _COUNTER,
    "{attempt}",
    "Attempts that were put off, for their address hangs and is tried enough.",
    _QUEUE,
)
EGRESS_REFUSALS: Final = Metric(
    "queue.egress_refusals",
    _COUNTER,
    "{attempt}",
    "Attempts that the egress guard refused.",
    _QUEUE,
)
DNS_FAILURES: Final = Metric(
    "queue.dns_failures",
    _COUNTER,
    "{lookup}",
    "Names of destinations that no address was found for.",
    (*_QUEUE, "reason"),
)
IN_FLIGHT_SIZE: Final = Metric(
    "queue.in_flight_size",
    _GAUGE,
    "By",
    "Bytes of the tasks that are in this worker's hands.",
    _QUEUE,
)
IN_FLIGHT_SIZE_LIMIT: Final = Metric(
    "queue.in_flight_size_limit",
    _GAUGE,
    "By",
    "How many bytes of tasks this worker takes at a time: WORKER_MAX_IN_FLIGHT_BYTES.",
    _QUEUE,
)
LEASES_LOST: Final = Metric(
    "queue.leases_lost",
    _COUNTER,
    "{lease}",
    "Leases that ended without their worker stopping.",
    _QUEUE,
    Source.REDIS,
)
RELEASED: Final = Metric(
    "queue.tasks_given_back",
    _COUNTER,
    "{task}",
    "Tasks put back to the front of their lane: by a worker that stops, or because a lease ended.",
    ("queue", "reason"),
)
SPANS_DROPPED: Final = Metric(
    "queue.spans_dropped",
    _COUNTER,
    "{span}",
    "Spans that were recorded and never reached the collector.",
)
ROUND_TRIPS: Final = Metric(
    "db.client.operation.duration",
    _HISTOGRAM,
    "s",
    "Round trips to Redis. enqueue: tasks taken in; exchange: claims and settlements; renew: the "
    "lease; look_up: one record; stats: these figures; others by their script.",
    ("db.operation.name",),
    buckets=_ROUND_TRIP,
)
LOOP_LAG: Final = Metric(
    "queue.event_loop_lag",
    _HISTOGRAM,
    "s",
    "By how much a sleep of half a second of the process' event loop was too long.",
    buckets=_LAG,
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
    "Lanes in doubt: unhealthy ones, that get single probes, and those that wait on trial.",
    ("queue", "state"),
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
    "dead letters over DEAD_TTL.",
    ("queue", "kind"),
    Source.REDIS,
)

METRICS: Final = (
    REFUSALS,
    REQUEST_DURATION, SENT, CONSUMED, DELIVERY_DURATION, PROCESS_DURATION, START_DELAY, ATTEMPTS,
    RETRIES, DEFERRED, EGRESS_REFUSALS, DNS_FAILURES, IN_FLIGHT_SIZE, IN_FLIGHT_SIZE_LIMIT,
    LEASES_LOST, RELEASED, SPANS_DROPPED, ROUND_TRIPS, LOOP_LAG, REDIS_UP, PERSISTENCE_OK, TASKS,
    LANE_TASKS, LANES, OLDEST_WAITING, WORKERS, SUSPECTS, DEAD_LETTERS, SETTLED_SIZE,
    SETTLED_SIZE_LIMIT, REMOVED,
)  # fmt: skip
