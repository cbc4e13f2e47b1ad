"""Counting requests at their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..openapi import BATCH_PATH, PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..metrics import ApiMetrics

__all__ = ["MetricsMiddleware", "count_request"]


class MetricsMiddleware:
    """Counts the requests of an ASGI application."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it at its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await count_request(self._metrics, self._app, time.perf_counter(), scope, receive, send)


async def count_request(
    metrics: ApiMetrics, app: ASGIApp, began: float, scope: Scope, receive: Receive, send: Send
) -> None:
    """Pass on a request that began at ``began`` (by perf_counter) and count it at its end."""
    status = 0

    async def send_and_note_status(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await app(scope, receive, send_and_note_status)
    finally:
        # No response: the client disconnected, or the application failed and uvicorn sends a 500.
        # Requests of the fast path do not pass FastAPI's router.
        path = scope["path"]
        route = path if path in {PATH, BATCH_PATH} else getattr(scope.get("route"), "path", "")
        seconds = time.perf_counter() - began
        metrics.responded(scope["method"], route, status or 500, seconds)
