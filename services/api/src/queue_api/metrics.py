"""The API's metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from queue_common.errors import QueueUnavailableError
from queue_common.metrics import catalog as table
from queue_common.metrics.process import report_metrics
from queue_common.metrics.registry import ProcessMetrics
from queue_common.queue import QueueStats

from .http.refusals import REASONS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from .settings import ApiSettings

__all__ = ["ApiMetrics", "metrics_lifespan"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ApiMetrics(ProcessMetrics):
    """Counts submitted tasks and requests. Costs about 1 µs per task."""

    def __init__(self, queue_name: str, count_dropped_spans: Callable[[], int] = lambda: 0) -> None:
        super().__init__(queue_name, count_dropped_spans)
        self._sent = self.counter(table.SENT)
        self._accepted = self._sent.labels(queue_name, "")
        self._requests = self.histogram(table.REQUEST_DURATION)
        refusals = self.counter(table.REFUSALS)
        self._refusals = {reason: refusals.labels(reason) for reason in REASONS}
        self._request: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def submitted(self, tasks: int, error: str) -> None:
        """Count tasks sent to Redis."""
        counter = self._sent.labels(self.queue_name, error) if error else self._accepted
        counter.inc(tasks)

    def refused(self, reason: str) -> None:
        """Count a connection that a limit of ``http.limits`` has ended."""
        self._refusals[reason].inc()

    def responded(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the path's template, empty if no route matched."""
        key = (method if method in _METHODS else "_OTHER", route, status)
        observe = self._request.get(key)
        if observe is None:
            observe = self._request[key] = self._requests.labels(*key).observe
        observe(seconds)


def metrics_lifespan(
    metrics: ApiMetrics, settings: ApiSettings, listener: socket.socket | None
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return the context manager that serves METRICS_PORT during the application's lifespan."""
    stats = QueueStats.open(redis=settings, queue=settings, hooks=metrics)

    async def not_ready_reason() -> str | None:
        try:
            await stats.ping()
        except QueueUnavailableError as error:
            return str(error)
        return None

    return partial(
        report_metrics, settings, metrics, stats, listener, service="queue-api",
        not_ready_reason=not_ready_reason, shows_backlog=True,
    )  # fmt: skip
