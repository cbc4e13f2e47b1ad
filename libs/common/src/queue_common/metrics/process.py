"""The metrics port of a process, and the tasks that keep its metrics up to date."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from ..cancellation import cancel_and_wait
from ..errors import QueueUnavailableError
from ..listening import listen
from ..queue.admin.stats import PERIOD_SECONDS as SCAN_SECONDS
from .server import (
    Pages,
    Reason,
    backlog_page,
    health_page,
    metrics_page,
    ready_page,
    serve_pages,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from ..queue import QueueStats
    from .push import MetricsPush
    from .registry import ProcessMetrics
    from .settings import MetricsSettings

__all__ = ["open_metrics_port", "report_metrics"]

PERSISTENCE_SECONDS = 10.0
PROBE_SECONDS = 0.5
REFRESH_SECONDS = 5.0
"""How long a push waits for Redis' stats. Reading them times out earlier."""

logger = structlog.stdlib.get_logger(__name__)


def open_metrics_port(settings: MetricsSettings) -> socket.socket | None:
    """Return a listening socket, None for METRICS_PORT=0; ends the process if it cannot listen."""
    if settings.metrics_port == 0:
        return None
    return listen("METRICS", settings.metrics_host, settings.metrics_port)


@asynccontextmanager
async def report_metrics(
    settings: MetricsSettings,
    metrics: ProcessMetrics,
    stats: QueueStats,
    listener: socket.socket | None,
    *,
    service: str,
    not_ready_reason: Reason,
    shows_backlog: bool,
) -> AsyncIterator[None]:
    """Serve METRICS_PORT and push metrics until the block ends, each if it is configured.

    ``not_ready_reason`` returns why the process is not ready, None if it is ready.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stats.close)
        if listener is not None:
            pages = _pages(metrics, stats, not_ready_reason, shows_backlog=shows_backlog)
            await stack.enter_async_context(serve_pages(listener, pages))
        if listener is not None or settings.metrics_endpoint():
            stack.push_async_callback(cancel_and_wait, _start_polling(metrics, stats))
        if settings.metrics_endpoint():
            push = _start_pushing(settings, metrics, stats, service)
            stack.push_async_callback(asyncio.to_thread, push.stop)
        yield


def _start_pushing(
    settings: MetricsSettings, metrics: ProcessMetrics, stats: QueueStats, service: str
) -> MetricsPush:
    # Imported only if needed: the import takes 0.1 s.
    from .push import MetricsPush

    loop = asyncio.get_running_loop()

    def refresh() -> None:
        reading = asyncio.run_coroutine_threadsafe(metrics.snapshot.refresh(stats), loop)
        reading.result(REFRESH_SECONDS)

    return MetricsPush(settings, metrics, service, refresh)


def _start_polling(metrics: ProcessMetrics, stats: QueueStats) -> list[asyncio.Task[None]]:
    jobs = (_probe_loop(metrics), _scan_lanes(stats), _poll_persistence(metrics, stats))
    return [asyncio.create_task(job) for job in jobs]


def _pages(
    metrics: ProcessMetrics,
    stats: QueueStats,
    not_ready_reason: Reason,
    *,
    shows_backlog: bool,
) -> Pages:
    pages: Pages = {
        "/metrics": metrics_page(metrics, stats),
        "/health": health_page,
        "/ready": ready_page(not_ready_reason),
    }
    if shows_backlog:
        pages["/backlog"] = backlog_page(stats)
    return pages


async def _probe_loop(metrics: ProcessMetrics) -> None:
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(PROBE_SECONDS)
        metrics.loop_lag.observe(max(time.perf_counter() - begin - PROBE_SECONDS, 0.0))


async def _scan_lanes(stats: QueueStats) -> None:
    while True:
        try:
            await stats.scan_lanes()
        except QueueUnavailableError as error:
            logger.debug("metrics.look_failed", reason=str(error))
        await asyncio.sleep(SCAN_SECONDS)


async def _poll_persistence(metrics: ProcessMetrics, stats: QueueStats) -> None:
    while True:
        try:
            metrics.snapshot.persists = await stats.persists()
        except QueueUnavailableError:
            metrics.snapshot.persists = None
        await asyncio.sleep(PERSISTENCE_SECONDS)
