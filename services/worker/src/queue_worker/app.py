"""What a worker consists of, and the order in which its parts start and stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from queue_common.cancellation import cancel_and_wait
from queue_common.metrics import catalog as metrics_table
from queue_common.metrics.process import report_metrics
from queue_common.queue import QueueStats, TaskQueue, report_durability
from queue_common.saq_adapter import SaqQueue
from queue_common.tracing.tracer import Tracing

from .deliver import Deliverer
from .metrics import WorkerMetrics
from .process import Processor
from .transport import build_transport
from .worker import TaskWorker

if TYPE_CHECKING:
    import socket

    from .settings import WorkerSettings

__all__ = ["run"]

logger = structlog.stdlib.get_logger(__name__)


async def run(settings: WorkerSettings, metrics_listener: socket.socket | None) -> None:
    """Work until a signal comes; serve METRICS_PORT meanwhile where there is a listener.

    Start: 1. connect, 2. take the lease, 3. claim. Stop: 1. claim no more, 2. wait for what is in
    flight, 3. give back the rest, 4. end the lease and disconnect, 5. close the transport, 6. send
    the spans that wait.
    """
    tracing = Tracing(settings, "queue-worker", settings.queue_name)
    metrics = WorkerMetrics(settings.queue_name, lambda: tracing.spans_dropped)
    queue = TaskQueue(redis=settings, queue=settings, hooks=metrics)
    transport = build_transport(
        settings, settings, max_open=settings.worker_max_in_flight,
        redis_servers=queue.redis_servers, count_dns_failure=metrics.dns_failed,
    )  # fmt: skip
    timeout = settings.worker_request_timeout.total_seconds()
    deliverer = Deliverer(transport, timeout_seconds=timeout, propagate=settings.propagate)
    policy = settings.retry_policy()
    worker = TaskWorker(
        SaqQueue(queue, policy),
        Processor(queue, deliverer, policy, tracing, metrics).process,
        max_in_flight=settings.worker_max_in_flight,
        drain_seconds=settings.worker_drain_timeout.total_seconds(),
        settled=metrics.settled,
        **settings.worker_hooks,
    )
    max_bytes = settings.max_bytes()
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE, lambda: queue.bytes_in_flight)
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE_LIMIT, lambda: max_bytes)
    watch = QueueStats.open(redis=settings, queue=settings, hooks=metrics)
    async with report_metrics(
        settings, metrics, watch, metrics_listener, service="queue-worker",
        not_ready_reason=worker.not_ready_reason, shows_backlog=False,
    ):  # fmt: skip
        try:
            await _work(worker, queue, settings, max_bytes)
        finally:
            await transport.aclose()
            await asyncio.to_thread(tracing.shutdown)
    if worker.failure is not None:
        raise worker.failure
    logger.info("worker.stopped")


async def _work(
    worker: TaskWorker, queue: TaskQueue, settings: WorkerSettings, max_bytes: int
) -> None:
    concurrency = settings.worker_concurrency
    await queue.start_consuming(
        worker_id=worker.id, concurrency=concurrency, max_tasks=settings.worker_max_in_flight,
        max_bytes=max_bytes, max_on_trial=settings.max_on_trial(),
    )  # fmt: skip
    announcing = asyncio.create_task(_announce(queue, concurrency))
    try:
        await worker.start()
    finally:
        for signum in worker.SIGNALS:
            # SAQ has let go of the signals: another one must not cut the farewell short.
            asyncio.get_running_loop().add_signal_handler(signum, lambda: None)
        await cancel_and_wait([announcing])
        await queue.disconnect()


async def _announce(queue: TaskQueue, concurrency: int) -> None:
    await report_durability(queue)
    await queue.until_consuming()
    logger.info("worker.ready", concurrency=concurrency)
