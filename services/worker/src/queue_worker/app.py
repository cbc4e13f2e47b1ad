"""The composition root of a worker, and the order in which its parts start and stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from queue_common.cancellation import cancel_and_wait
from queue_common.metrics import catalog as metrics_table
from queue_common.metrics.process import report_metrics
from queue_common.queue import QueueStats, TaskQueue, report_durability
from queue_common.saq_adapter import SaqQueue
from queue_common.signing import SigningSecrets
from queue_common.tracing.tracer import Tracing

from .attempt.deliver import Deliverer
from .attempt.history import History, worker_name
from .attempt.process import Processor
from .metrics import WorkerMetrics
from .transport import build_http_client
from .worker import TaskWorker

if TYPE_CHECKING:
    import socket

    from .settings import WorkerSettings
    from .transport import HttpClient

__all__ = ["Worker", "build_worker", "run"]

logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """The parts of a worker that have to be started and stopped."""

    settings: WorkerSettings
    loop: TaskWorker
    queue: TaskQueue
    signing: SigningSecrets
    transport: HttpClient
    tracing: Tracing
    metrics: WorkerMetrics
    stats: QueueStats
    max_bytes: int
    """Max bytes of tasks in flight."""


def build_worker(settings: WorkerSettings) -> Worker:
    """Build a worker. Nothing connects before ``run`` starts its parts."""
    tracing = Tracing(settings, "queue-worker", settings.queue_name)
    metrics = WorkerMetrics(settings.queue_name, lambda: tracing.spans_dropped)
    queue = TaskQueue(redis=settings, queue=settings, hooks=metrics)
    transport = build_http_client(
        settings, settings, max_open=settings.worker_max_in_flight,
        redis_servers=queue.redis_servers, count_dns_failure=metrics.dns_failed,
    )  # fmt: skip
    timeout = settings.worker_request_timeout.total_seconds()
    history = None
    if settings.attempt_history:
        history = History(worker_name(), lambda: queue.full_results.has_room)
    signing = SigningSecrets(queue, settings.default_signing_secrets(), queue.sealer)
    deliverer = Deliverer(
        transport, timeout_seconds=timeout, propagate=settings.propagate, history=history,
        signing=signing,
    )  # fmt: skip
    policy = settings.retry_policy()
    loop = TaskWorker(
        SaqQueue(queue, policy),
        Processor(queue, deliverer, policy, tracing, metrics, queue.sealer).process,
        max_in_flight=settings.worker_max_in_flight,
        drain_seconds=settings.worker_drain_timeout.total_seconds(),
        settled=metrics.settled,
        **settings.worker_hooks,
    )
    max_bytes = settings.max_bytes()
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE, lambda: queue.bytes_in_flight)
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE_LIMIT, lambda: max_bytes)
    stats = QueueStats.open(redis=settings, queue=settings, hooks=metrics)
    return Worker(settings, loop, queue, signing, transport, tracing, metrics, stats, max_bytes)


async def run(settings: WorkerSettings, metrics_listener: socket.socket | None) -> None:
    """Work until a signal comes. Serve METRICS_PORT until then, if there is a listener.

    Start: 1. connect, 2. take the lease, 3. claim. Stop: 1. stop claiming, 2. wait for attempts in
    flight, 3. release the other claims, 4. end the lease and disconnect, 5. close the transport,
    6. send the spans that wait.
    """
    worker = build_worker(settings)
    async with report_metrics(
        settings, worker.metrics, worker.stats, metrics_listener, service="queue-worker",
        not_ready_reason=worker.loop.not_ready_reason, shows_backlog=False,
    ):  # fmt: skip
        try:
            await _work(worker)
        finally:
            await worker.transport.aclose()
            await asyncio.to_thread(worker.tracing.shutdown)
    if worker.loop.failure is not None:
        raise worker.loop.failure
    logger.info("worker.stopped")


async def _work(worker: Worker) -> None:
    settings, queue = worker.settings, worker.queue
    await queue.start_consuming(
        worker_id=worker.loop.id, concurrency=settings.worker_concurrency,
        max_tasks=settings.worker_max_in_flight, max_bytes=worker.max_bytes,
        max_on_trial=settings.max_on_trial(),
    )  # fmt: skip
    ready_log = asyncio.create_task(_log_ready(queue, settings.worker_concurrency))
    try:
        async with worker.signing.watched():
            await worker.loop.start()
    finally:
        for signum in worker.loop.SIGNALS:
            # SAQ has removed its handlers: another signal must not interrupt what follows.
            asyncio.get_running_loop().add_signal_handler(signum, lambda: None)
        await cancel_and_wait([ready_log])
        await queue.disconnect()


async def _log_ready(queue: TaskQueue, concurrency: int) -> None:
    await report_durability(queue)
    await queue.until_consuming()
    logger.info("worker.ready", concurrency=concurrency)
