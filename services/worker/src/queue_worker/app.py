"""The worker's loop: SAQ's Worker, fed with many claims a round trip.

SAQ gives the lifecycle: signals, start-up and shut-down hooks, hooks around each job, the worker's
entry on SAQ's web page. Its standing tasks that dequeue one job each are replaced by a dispatcher.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import saq
import structlog
from saq.worker import ensure_coroutine_function_many

from queue_common.cancellation import cancel_and_wait
from queue_common.errors import QueueUnavailableError
from queue_common.queue import QueueWatch, TaskQueue, job_to_run, tell_durability
from queue_common.telemetry import metrics_table
from queue_common.telemetry.metrics_process import tell_metrics
from queue_common.telemetry.tracing import Tracing

from .deliver import Deliverer
from .metrics import WorkerMetrics
from .process import Processor
from .transport import build_transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from queue_common.queue import Claim

    from .settings import WorkerSettings

__all__ = ["TaskWorker", "run"]

INFO_SECONDS = 10
GIVE_BACK_SECONDS = 5.0
"""How long a stopping worker tries to give claims back; where Redis is away, its lease ends and
others find them."""

logger = structlog.stdlib.get_logger(__name__)


async def run(settings: WorkerSettings, metrics_listener: socket.socket | None) -> None:
    """Work until a signal comes; serve METRICS_PORT meanwhile where there is a listener.

    Start: 1. connect, 2. take the lease, 3. claim. Stop: 1. claim no more, 2. wait for what is in
    flight, 3. give back the rest, 4. end the lease and disconnect, 5. close the transport, 6. send
    the spans that wait.
    """
    metrics = WorkerMetrics(settings.queue_name)
    queue = TaskQueue(settings, settings, metrics)
    transport = build_transport(
        settings, settings, most_open=settings.worker_max_in_flight,
        redis_servers=queue.redis_servers,
    )  # fmt: skip
    timeout = settings.worker_request_timeout.total_seconds()
    deliverer = Deliverer(transport, timeout_seconds=timeout)
    tracing = Tracing(settings, "queue-worker", settings.queue_name)
    metrics.count_dropped_spans = lambda: tracing.spans_dropped
    policy = settings.retry_policy()
    worker = TaskWorker(
        queue,
        Processor(queue, deliverer, policy, tracing, metrics).process,
        max_in_flight=settings.worker_max_in_flight,
        drain_seconds=settings.worker_drain_timeout.total_seconds(),
    )
    max_bytes = settings.max_bytes()
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE, lambda: queue.bytes_in_flight)
    metrics.gauge(metrics_table.IN_FLIGHT_SIZE_LIMIT, lambda: max_bytes)
    watch = QueueWatch.open(settings, settings, metrics)
    async with tell_metrics(
        settings, metrics, watch, metrics_listener, service="queue-worker",
        reason_against=worker.reason_against, shows_backlog=False,
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
    await queue.connect()
    await queue.start_serving(
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
    await tell_durability(queue)
    await queue.until_serving()
    logger.info("worker.ready", concurrency=concurrency)


class TaskWorker(saq.Worker[Any]):
    """A SAQ worker whose ``process`` starts one task for each claim, up to ``max_in_flight``."""

    def __init__(
        self,
        queue: TaskQueue,
        handle: Callable[[Claim], Awaitable[None]],
        *,
        max_in_flight: int,
        drain_seconds: float,
        **hooks: Any,  # noqa: ANN401 - SAQ's startup, shutdown, before_process, after_process
    ) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        super().__init__(queue, [], id=name, concurrency=1, **hooks)
        self._task_queue = queue
        self._handle = handle
        self._max_in_flight = max_in_flight
        self._drain_seconds = drain_seconds
        self._in_flight: dict[asyncio.Task[None], Claim] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._hooked = bool(self.before_process or self.after_process)
        self.failure: Exception | None = None
        """What ended the loop, where no signal did."""

    async def reason_against(self) -> str | None:
        """Say why the worker takes no tasks; None where it does."""
        if self.event.is_set():
            return "draining"
        return None if self._task_queue.serving else "Redis has not confirmed the lease"

    async def process(self) -> bool:
        """Claim what there is room for and start it; SAQ calls this again and again."""
        await self._room.wait()
        try:
            claims = await self._task_queue.claim(self._max_in_flight - len(self._in_flight))
        except Exception as error:
            # A worker that cannot claim is of no use, and trying for ever would hide it: it ends,
            # and whoever supervises it sees the exit code and starts another.
            self.failure = error
            self.event.set()
            return False
        loop = asyncio.get_running_loop()
        for claim in claims:
            task = loop.create_task(self._run(claim))
            self._in_flight[task] = claim
            task.add_done_callback(self._ended)
        if len(self._in_flight) >= self._max_in_flight:
            self._room.clear()
        return bool(claims)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("worker.claim_left", exc_info=error)

    async def _run(self, claim: Claim) -> None:
        # Where there is no hook, no job is made up for it; an unreadable record makes none.
        if claim.record is None or claim.task is None or not self._hooked:
            await self._handle(claim)
            return
        context = {**self.context, "queue": self.queue, "job": job_to_run(self.queue, claim)}
        await self._hook(self._before_process, context)
        try:
            await self._handle(claim)
        finally:
            await self._hook(self._after_process, context)

    async def _hook(
        self, run: Callable[[dict[str, Any]], Awaitable[None]], context: dict[str, Any]
    ) -> None:
        try:
            await run(context)
        except Exception:
            # A hook looks on: its failure must not cost the task its attempt or its settlement.
            logger.exception("worker.hook_failed")

    async def upkeep(self) -> list[asyncio.Task[None]]:
        """Start what tells SAQ's page of this worker; the queue looks after the rest itself."""
        return [asyncio.create_task(self._tell_info())]

    async def _tell_info(self) -> None:
        while True:
            try:
                await self.worker_info(ttl=3 * INFO_SECONDS)
            except QueueUnavailableError:
                logger.debug("worker.info_failed")
            await asyncio.sleep(INFO_SECONDS)

    async def stop(self) -> None:
        """Stop in order; a second signal cuts the drain short."""
        self.event.set()
        async with self._stop_lock:
            if self._stopped:
                return
            self._stopped = True
            # 1. Claim no more.
            self._task_queue.stop_claiming()
            await cancel_and_wait(self.tasks)
            # 2. Wait for what is in flight.
            await self._drain()
            # 3. Give back the rest.
            await self._give_back()
            # 4. Nothing runs any more: hooks may close what it used.
            await self._run_shutdown_hooks()

    async def _drain(self) -> None:
        if not self._in_flight:
            return
        logger.info("worker.draining", in_flight=len(self._in_flight))
        cut = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in self.SIGNALS:
            loop.add_signal_handler(signum, cut.set)
        waits = [asyncio.create_task(cut.wait()), asyncio.create_task(_all_done(self._in_flight))]
        await asyncio.wait(waits, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        await cancel_and_wait(waits)

    async def _give_back(self) -> None:
        rest = dict(self._in_flight)
        if not rest:
            return
        logger.info("worker.giving_back", claims=len(rest))
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await cancel_and_wait(rest)
                await self._task_queue.give_back(list(rest.values()))
        except TimeoutError:
            logger.warning("worker.give_back_failed", claims=len(rest))

    async def _run_shutdown_hooks(self) -> None:
        for hook in ensure_coroutine_function_many(self.shutdown or (), self.pool):
            await hook(self.context)
        self.pool.shutdown()


async def _all_done(tasks: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.wait(set(tasks))
