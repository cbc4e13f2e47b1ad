"""What the API counts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from queue_common.errors import QueueUnavailableError
from queue_common.metrics import catalog as table
from queue_common.metrics.process import report_metrics
from queue_common.metrics.registry import ProcessMetrics
from queue_common.queue import QueueStats

from .http.refusals import REASONS
from .openapi import PATH

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import ApiSettings

__all__ = ["ApiMetrics", "MetricsMiddleware", "count_request", "metrics_lifespan"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ApiMetrics(ProcessMetrics):
    """Counts tasks sent and requests answered; some 1 µs a task in all."""

    def __init__(self, queue_name: str, count_dropped_spans: Callable[[], int] = lambda: 0) -> None:
        super().__init__(queue_name, count_dropped_spans)
        self._sent = self.counter(table.SENT)
        self._accepted = self._sent.labels(queue_name, "")
        self._requests = self.histogram(table.REQUEST_DURATION)
        refusals = self.counter(table.REFUSALS)
        self._refusals = {reason: refusals.labels(reason) for reason in REASONS}
        self._request: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def submitted(self, tasks: int, error: str) -> None:
        """Count tasks handed to Redis."""
        counter = self._sent.labels(self.queue_name, error) if error else self._accepted
        counter.inc(tasks)

    def refused(self, reason: str) -> None:
        """Count a connection that was ended by a limit of ``http.limits``."""
        self._refusals[reason].inc()

    def responded(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the path's template, empty where no route matched."""
        key = (method if method in _METHODS else "_OTHER", route, status)
        observe = self._request.get(key)
        if observe is None:
            observe = self._request[key] = self._requests.labels(*key).observe
        observe(seconds)


class MetricsMiddleware:
    """An ASGI application whose requests are counted."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; count it when the application is through with it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await count_request(self._metrics, self._app, time.perf_counter(), scope, receive, send)


async def count_request(
    metrics: ApiMetrics, app: ASGIApp, began: float, scope: Scope, receive: Receive, send: Send
) -> None:
    """Pass a request on that ``began`` at that time by ``perf_counter``; count it at its end."""
    status = 0

    async def send_and_note_status(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await app(scope, receive, send_and_note_status)
    finally:
        # No answer: the client went away, or the application failed and uvicorn answers 500.
        # The fast path's requests are not seen by FastAPI's router.
        path = scope["path"]
        route = path if path == PATH else getattr(scope.get("route"), "path", "")
        seconds = time.perf_counter() - began
        metrics.responded(scope["method"], route, status or 500, seconds)


def metrics_lifespan(
    metrics: ApiMetrics, settings: ApiSettings, listener: socket.socket | None
) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return what serves METRICS_PORT around the application's life."""
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
