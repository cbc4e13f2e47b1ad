"""The pages on METRICS_PORT: /metrics, /health, /ready, and the API's /backlog.

They are served by the process' own event loop, so a response of /health shows that it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ..errors import QueueUnavailableError

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping

    from ..queue import QueueStats
    from .registry import ProcessMetrics

__all__ = [
    "Page",
    "Pages",
    "Reason",
    "backlog_page",
    "health_page",
    "metrics_page",
    "ready_page",
    "serve_pages",
]

JSON = "application/json"
PROBLEM = "application/problem+json"
REQUEST_SECONDS = 10.0
"""How long a connection waits for a whole request."""
FINISH_SECONDS = 1
"""How long open requests may take at shutdown. A scrape is not worth waiting for."""


@dataclass(frozen=True, slots=True)
class Page:
    """A response."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON

    @staticmethod
    def of(document: Mapping[str, object]) -> Page:
        """Return a document as JSON."""
        return Page(msgspec.json.encode(document))

    @staticmethod
    def problem(status: HTTPStatus, detail: str) -> Page:
        """Return a problem (RFC 9457)."""
        document = {"title": status.phrase, "status": status.value, "detail": detail}
        return Page(msgspec.json.encode(document), status, PROBLEM)


Pages = dict[str, Callable[[], Awaitable[Page]]]
"""A function per path that returns the page."""
Reason = Callable[[], Awaitable[str | None]]
"""Returns why the process is not ready, None if it is ready."""


def metrics_page(metrics: ProcessMetrics, stats: QueueStats) -> Callable[[], Awaitable[Page]]:
    """Return the page for Prometheus. Without Redis it has fewer metrics."""

    async def page() -> Page:
        await metrics.snapshot.refresh(stats)
        text = generate_latest(metrics.registry)
        return Page(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return page


async def health_page() -> Page:
    """Respond with 200: the event loop runs."""
    return Page.of({"status": "ok"})


def ready_page(
    not_ready_reason: Callable[[], Awaitable[str | None]],
) -> Callable[[], Awaitable[Page]]:
    """Return the page for readiness: 503 with the reason if the process is not ready."""

    async def page() -> Page:
        reason = await not_ready_reason()
        if reason is not None:
            return Page.problem(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        return Page.of({"status": "ready"})

    return page


def backlog_page(stats: QueueStats) -> Callable[[], Awaitable[Page]]:
    """Return the page with the size of the backlog, for autoscalers."""

    async def page() -> Page:
        try:
            read = await stats.read()
        except QueueUnavailableError as error:
            return Page.problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return Page.of(
            {
                "queue": stats.queue_name,
                "waiting": read.waiting,
                "due": read.due,
                "scheduled": read.scheduled,
                "active": read.active,
                "outbox": read.outbox,
                "held": read.held,
                "backlog": read.backlog,
                "workers": read.workers,
            }
        )

    return page


@asynccontextmanager
async def serve_pages(
    listener: socket.socket, pages: Pages, request_seconds: float = REQUEST_SECONDS
) -> AsyncIterator[None]:
    """Serve the pages from the running loop until the block ends.

    Uses uvicorn's protocol without its server, which would log, handle the process' signals and
    wake it ten times a second.
    """
    # Imported only if needed: the import takes 0.1 s.
    import uvicorn
    from uvicorn.server import ServerState

    from .protocol import MetricsProtocol

    config = uvicorn.Config(
        _Site(pages), http="h11", ws="none", lifespan="off", log_config=None, access_log=False
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: MetricsProtocol(request_seconds, config=config, server_state=state, app_state={}),
        sock=listener,
    )
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                await asyncio.gather(*state.tasks, return_exceptions=True)


class _Site:
    """An ASGI application."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(
        self, scope: Mapping[str, Any], _receive: object, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        page = await self._page(scope)
        headers = [
            (b"content-type", page.content_type.encode()),
            (b"content-length", b"%d" % len(page.body)),
        ]
        if page.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": page.status, "headers": headers})
        await send({"type": "http.response.body", "body": page.body})

    async def _page(self, scope: Mapping[str, Any]) -> Page:
        make = self._pages.get(scope["path"])
        if make is None:
            return Page.problem(HTTPStatus.NOT_FOUND, f"There are {', '.join(self._pages)}.")
        if scope["method"] not in {"GET", "HEAD"}:
            return Page.problem(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET or HEAD.")
        return await make()
