"""All metrics that a process counts; those that Redis counts are in ``redis_catalog``."""

from __future__ import annotations

from typing import Final

from .metric import Kind, Metric
from .redis_catalog import REDIS_METRICS

__all__ = ["METRICS"]

# Advised by the conventions for HTTP and messaging, and for databases.
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30)
_ATTEMPT = (*_REQUEST, 60, 300, 900, 1800)
"""Up to the longest ``timeout`` of a task, half an hour."""
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
    "New tasks that Redis took, and refused ones by their error.",
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
    buckets=_ATTEMPT,
)
PROCESS_DURATION: Final = Metric(
    "messaging.process.duration",
    _HISTOGRAM,
    "s",
    "An attempt as a whole, from its claim in the worker's hands to its settlement in Redis.",
    (_DESTINATION, "error.type"),
    buckets=_ATTEMPT,
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

METRICS: Final = (
    REQUEST_DURATION, REFUSALS, SENT, CONSUMED, DELIVERY_DURATION, PROCESS_DURATION, START_DELAY,
    ATTEMPTS, RETRIES, DEFERRED, EGRESS_REFUSALS, DNS_FAILURES, IN_FLIGHT_SIZE,
    IN_FLIGHT_SIZE_LIMIT, RELEASED, SPANS_DROPPED, ROUND_TRIPS, LOOP_LAG,
    *REDIS_METRICS,
)  # fmt: skip
