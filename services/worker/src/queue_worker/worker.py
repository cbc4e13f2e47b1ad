"""The worker's loop: a SAQ worker that claims many tasks per round trip.

SAQ provides the lifecycle: signals, hooks at start, stop and around each job, cron jobs, the
worker's entry on SAQ's web page. Instead of many loops that each dequeue one job, one loop claims
many. SAQ runs the jobs of functions.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

import saq
import structlog
from saq.worker import ensure_coroutine_function_many

from queue_common.cancellation import cancel_and_wait
from queue_common.errors import QueueUnavailableError, UnreadableRecordError
from queue_common.retry import Dead
from queue_common.saq_adapter import SaqQueue, is_job, job_to_run
from queue_common.task import Attempt, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
    from datetime import tzinfo

    from saq.job import CronJob, Job
    from saq.types import FunctionsType, LifecycleFunctionsType, PartialTimersDict, WorkerInfo

    from queue_common.queue import Claim

__all__ = ["TaskWorker"]

RELEASE_TIMEOUT_SECONDS = 5.0
"""How long a stopping worker tries to release its claims. After that, other workers get them at the
end of its lease."""

logger = structlog.stdlib.get_logger(__name__)


class TaskWorker(saq.Worker[Any]):
    """A SAQ worker whose ``process`` starts one task for each claim, up to ``max_in_flight``.

    HTTP tasks go to ``handle``; SAQ runs the jobs of ``functions`` and ``cron_jobs``. The other
    options are SAQ's. SAQ's options for its own loop (``concurrency``, ``burst``,
    ``dequeue_timeout``, grace periods) do not exist here.
    """

    queue: SaqQueue

    def __init__(
        self,
        queue: SaqQueue,
        handle: Callable[[Claim], Awaitable[None]],
        *,
        max_in_flight: int,
        drain_seconds: float,
        settled: Mapping[State, int] | None = None,
        functions: FunctionsType[Any] = (),
        cron_jobs: Collection[CronJob[Any]] | None = None,
        cron_tz: tzinfo = UTC,
        startup: LifecycleFunctionsType[Any] | None = None,
        shutdown: LifecycleFunctionsType[Any] | None = None,
        before_process: LifecycleFunctionsType[Any] | None = None,
        after_process: LifecycleFunctionsType[Any] | None = None,
        timers: PartialTimersDict | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            queue, functions, id=f"{socket.gethostname()}:{os.getpid()}", concurrency=1,
            cron_jobs=cron_jobs, cron_tz=cron_tz, startup=startup, shutdown=shutdown,
            before_process=before_process, after_process=after_process, timers=timers,
            metadata=metadata,
        )  # fmt: skip
        self._task_queue = queue.tasks
        self._handle = handle
        self._max_in_flight = max_in_flight
        self._drain_seconds = drain_seconds
        self._settled = settled or {}
        self._in_flight: dict[asyncio.Task[None], Claim] = {}
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._has_hooks = bool(self.before_process or self.after_process)
        self.failure: Exception | None = None
        """The error that ended the loop; None if a signal did."""

    async def not_ready_reason(self) -> str | None:
        """Return why the worker takes no tasks; None if it does."""
        if self.event.is_set():
            return "draining"
        return None if self._task_queue.serving else "Redis has not confirmed the lease"

    async def process(self) -> bool:
        """Claim as many tasks as there is room for and start them. SAQ calls this in a loop."""
        await self._has_room.wait()
        try:
            claims = await self._task_queue.claim(self._max_in_flight - len(self._in_flight))
        except Exception as error:
            # A worker that cannot claim is useless. It ends with an exit code, so that its
            # supervisor starts another; endless retries would hide the error.
            self.failure = error
            self.event.set()
            return False
        loop = asyncio.get_running_loop()
        for claim in claims:
            task = loop.create_task(self._run(claim))
            self._in_flight[task] = claim
            task.add_done_callback(self._ended)
        if len(self._in_flight) >= self._max_in_flight:
            self._has_room.clear()
        return bool(claims)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._has_room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("worker.claim_left", exc_info=error)

    async def _run(self, claim: Claim) -> None:
        # A job object is only needed for hooks. An unreadable record has none.
        if claim.task is not None and self._has_hooks:
            await self._handle_within_hooks(claim)
        elif claim.task is None and claim.record is not None and is_job(claim.record.payload):
            await self._run_job(claim)
        else:
            await self._handle(claim)

    async def _run_job(self, claim: Claim) -> None:
        """Let SAQ run the job of a function. An unknown function's job becomes a dead letter."""
        try:
            function = job_to_run(self.queue, claim).function
        except UnreadableRecordError:
            await self._handle(claim)
            return
        if function in self.functions:
            self.queue.offer(claim)
            await super().process()
            return
        reason = f"this worker has no function {function!r}"
        attempt = Attempt(claim.attempt, 0, 0.0, Outcome.WORKER_ERROR, error=reason)
        await self._task_queue.settle(claim, attempt, Dead(reason))

    def _job(self, claim: Claim) -> Job:
        """Return the job of an HTTP task; what is sealed is left out if its key is missing."""
        with suppress(UnreadableRecordError):
            claim = self._task_queue.opened(claim)
        return job_to_run(self.queue, claim)

    async def _handle_within_hooks(self, claim: Claim) -> None:
        context = {**self.context, "queue": self.queue, "job": self._job(claim)}
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
            # An error in a hook must not prevent the attempt or its settlement.
            logger.exception("worker.hook_failed")

    async def worker_info(self, ttl: int = 60) -> WorkerInfo:
        """Report to SAQ's page. If Redis is away, the report is skipped."""
        self.queue.complete = self._settled.get(State.DELIVERED, 0)
        self.queue.retried = self._settled.get(State.SCHEDULED, 0)
        self.queue.failed = self._settled.get(State.DEAD, 0)
        self.queue.aborted = self._settled.get(State.CANCELLED, 0)
        try:
            return await super().worker_info(ttl)
        except QueueUnavailableError:
            logger.debug("worker.info_failed")
            return {"queue_key": self.queue.name, "stats": None, "metadata": None}

    async def stop(self) -> None:
        """Stop in order. A second signal ends the drain."""
        self.event.set()
        async with self._stop_lock:
            if self._stopped:
                return
            self._stopped = True
            # 1. Stop claiming.
            self._task_queue.stop_claiming()
            await cancel_and_wait(self.tasks)
            # 2. Wait for attempts in flight.
            await self._drain()
            # 3. Release the others.
            await self._release()
            # 4. Nothing runs any more, so hooks may close resources.
            await self._run_shutdown_hooks()

    async def _drain(self) -> None:
        if not self._in_flight:
            return
        logger.info("worker.draining", in_flight=len(self._in_flight))
        second_signal = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in self.SIGNALS:
            loop.add_signal_handler(signum, second_signal.set)
        waits = [
            asyncio.create_task(second_signal.wait()),
            asyncio.create_task(_all_done(self._in_flight)),
        ]
        await asyncio.wait(waits, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        await cancel_and_wait(waits)

    async def _release(self) -> None:
        unfinished = dict(self._in_flight)
        if not unfinished:
            return
        logger.info("worker.giving_back", claims=len(unfinished))
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_SECONDS):
                await cancel_and_wait(unfinished)
                await self._task_queue.release(list(unfinished.values()))
        except TimeoutError:
            logger.warning("worker.give_back_failed", claims=len(unfinished))

    async def _run_shutdown_hooks(self) -> None:
        for hook in ensure_coroutine_function_many(self.shutdown or (), self.pool):
            await hook(self.context)
        self.pool.shutdown()


async def _all_done(tasks: Iterable[asyncio.Task[None]]) -> None:
    await asyncio.wait(set(tasks))
