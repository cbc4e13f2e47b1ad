"""Counting requests at their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..openapi import PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..metrics import ApiMetrics

__all__ = ["MetricsMiddleware", "count_request"]


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
