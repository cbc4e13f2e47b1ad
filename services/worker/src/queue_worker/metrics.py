"""The worker's metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from queue_common.metrics import catalog as table
from queue_common.metrics.registry import ProcessMetrics
from queue_common.task import Attempt, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from queue_common.queue import Claim

__all__ = ["WorkerMetrics"]

_NO_REQUEST = frozenset({Outcome.EXPIRED, Outcome.UNREADABLE, Outcome.WORKER_ERROR})
_KNOWN_STATUSES = frozenset(HTTPStatus)


class WorkerMetrics(ProcessMetrics):
    """Counts claims, attempts and their outcomes. Costs about 1 µs per task."""

    def __init__(self, queue_name: str, count_dropped_spans: Callable[[], int] = lambda: 0) -> None:
        super().__init__(queue_name, count_dropped_spans)
        self.settled = dict.fromkeys(State, 0)
        """Attempts by the task's new state, for SAQ's page."""
        queue = queue_name
        self._consumed = self.counter(table.CONSUMED).labels(queue)
        self._retries = self.counter(table.RETRIES).labels(queue)
        self._deferred = self.counter(table.DEFERRED).labels(queue).inc
        self._egress_refusals = self.counter(table.EGRESS_REFUSALS).labels(queue)
        self._start_delay = self.histogram(table.START_DELAY).labels(queue).observe
        released_counter = self.counter(table.RELEASED)
        self._released = {
            reason: released_counter.labels(queue, reason) for reason in ("stop", "lease_ended")
        }
        attempts = self.counter(table.ATTEMPTS)
        self._attempts = {outcome: attempts.labels(queue, outcome).inc for outcome in Outcome}
        self._durations = self.histogram(table.PROCESS_DURATION)
        self._duration: dict[Outcome, Callable[[float], None]] = {}
        self._requests = self.histogram(table.DELIVERY_DURATION)
        self._request: dict[tuple[str, int | None, Outcome], Callable[[float], None]] = {}

        failures = self.counter(table.DNS_FAILURES)
        self._dns_failures = {
            reason: failures.labels(queue, reason) for reason in ("failed", "timeout", "no_room")
        }

    def dns_failed(self, reason: str) -> None:
        """Count a name for which no address was found."""
        self._dns_failures[reason].inc()

    def claimed(self, tasks: int) -> None:
        """Count tasks claimed."""
        self._consumed.inc(tasks)

    def released(self, tasks: int, reason: str) -> None:
        """Count released claims."""
        self._released[reason].inc(tasks)

    def deferred(self) -> None:
        """Count a claim put back without an attempt."""
        self._deferred()

    def attempted(
        self, claim: Claim, attempt: Attempt, *, state: State | None, seconds: float
    ) -> None:
        """Count an attempt that took ``seconds`` from the claim to the settlement."""
        if state is not None:
            self.settled[state] += 1
        outcome = attempt.outcome
        self._attempts[outcome]()
        (self._duration.get(outcome) or self._new_duration(outcome))(seconds)
        if claim.waiting_since_ms:
            # The clocks of worker and Redis may differ slightly.
            delay_ms = max(attempt.started_at_ms - claim.waiting_since_ms, 0)
            self._start_delay(delay_ms / 1000)
        if state is State.SCHEDULED:
            self._retries.inc()
        if outcome is Outcome.EGRESS_REFUSED:
            self._egress_refusals.inc()
        elif claim.task is not None and outcome not in _NO_REQUEST:
            key = (claim.task.method, attempt.status_code, outcome)
            observe = self._request.get(key) or self._new_request(key)
            observe(attempt.duration_ms / 1000)

    def _new_duration(self, outcome: Outcome) -> Callable[[float], None]:
        child = self._durations.labels(self.queue_name, _error_type(outcome))
        self._duration[outcome] = child.observe
        return child.observe

    def _new_request(self, key: tuple[str, int | None, Outcome]) -> Callable[[float], None]:
        method, code, outcome = key
        status = "" if code is None else str(_status(code))
        error = status if outcome is Outcome.HTTP_ERROR else _error_type(outcome)
        self._request[key] = self._requests.labels(method, status, error).observe
        return self._request[key]


def _error_type(outcome: Outcome) -> str:
    return "" if outcome is Outcome.DELIVERED else outcome.value


def _status(code: int) -> int:
    """Return a standard status code, because destinations may invent any number of others.

    An unknown code counts as the first of its class (RFC 9110, section 15).
    """
    return code if code in _KNOWN_STATUSES else code // 100 * 100
