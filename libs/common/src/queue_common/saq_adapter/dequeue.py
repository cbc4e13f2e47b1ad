"""Claims for SAQ's workers: many callers that each wait for one job."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import structlog
from saq import Job, Status

from ..cancellation import cancel_and_wait
from ..errors import LeaseLostError, UnknownTaskError, UnreadableRecordError, WrongStateError
from ..retry import Dead, Decision, Done, RetryAt, RetryPolicy, decide
from ..task import Attempt, Outcome
from .jobs import dump, job_to_run

if TYPE_CHECKING:
    from ..queue import Claim
    from .queue import SaqQueue

__all__ = ["JobClaims"]

ERROR_MAX_CHARACTERS = 1000

logger = structlog.stdlib.get_logger(__name__)


class _Held(NamedTuple):
    claim: Claim
    job: Job


class JobClaims:
    """Hands claims to waiting callers, and settles them when SAQ's worker finishes its jobs."""

    def __init__(self, queue: SaqQueue, policy: RetryPolicy) -> None:
        self._queue = queue
        self._tasks = queue.tasks
        self._policy = policy
        self._waiting: deque[asyncio.Future[Job | None]] = deque()
        self._offered: deque[Claim] = deque()
        self._held: dict[str, _Held] = {}
        self._swept: dict[str, str] = {}
        """Keys of the jobs that a sweep has ended, with the reason."""
        self._dispatcher: asyncio.Task[None] | None = None
        self._serving = asyncio.Event()

    def holds(self, job: Job) -> bool:
        """Return whether this process has claimed the job."""
        return job.key in self._held

    def offer(self, claim: Claim) -> None:
        """Give this claim to the next caller of ``next_job``."""
        self._offered.append(claim)

    async def next_job(self, timeout_seconds: float) -> Job | None:
        """Wait for a job; return None after ``timeout_seconds`` (0: no limit) or a stop.

        The time begins when Redis knows the lease under which this process claims.
        """
        if self._offered:
            return await self._take(self._offered.popleft())
        future: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.create_task(self._dispatch())
        try:
            await self._serving.wait()
            return await asyncio.wait_for(future, timeout_seconds or None)
        except TimeoutError:
            return None
        finally:
            if not self._waiting_callers() and self._dispatcher is not None:
                self._dispatcher.cancel()

    def _waiting_callers(self) -> int:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return sum(not future.done() for future in self._waiting)

    async def _dispatch(self) -> None:
        # All callers of SAQ's worker are waiting by now: their number is its concurrency.
        await self._tasks.start_consuming(worker_id="saq", concurrency=self._waiting_callers())
        await self._tasks.until_consuming()
        self._serving.set()
        while callers := self._waiting_callers():
            claims = await self._tasks.claim(callers)
            if not claims:
                for future in self._waiting:
                    if not future.done():
                        future.set_result(None)
            for claim in claims:
                await self._hand_over(claim)

    async def _hand_over(self, claim: Claim) -> None:
        if not self._waiting_callers():
            await self._tasks.release([claim])
        elif (job := await self._take(claim)) is not None:
            self._waiting.popleft().set_result(job)

    async def _take(self, claim: Claim) -> Job | None:
        """Hold the claim and return its job. An unreadable job becomes a dead letter."""
        try:
            job = job_to_run(self._queue, self._tasks.opened(claim))
        except UnreadableRecordError as error:
            attempt = Attempt(claim.attempt, 0, 0.0, Outcome.UNREADABLE, error=str(error))
            await self._tasks.settle(claim, attempt, Dead(str(error)))
            return None
        self._held[job.key] = _Held(claim, job)
        return job

    async def update(self, job: Job) -> None:
        """Store the data of a job that waits or that this process holds.

        HTTP tasks have no such data. Nothing is written if the lease is lost.
        """
        held = self._held.get(job.key)
        if held is None or held.claim.task is None:
            claim = held.claim if held else None
            await self._tasks.update_payload(job.key, dump(self._queue, job), claim=claim)

    async def retry(self, job: Job) -> None:
        """Schedule the job again after its own delay; for an HTTP task its retry policy decides."""
        claim, _ = self._held.pop(job.key)
        delay_seconds = job.next_retry_delay()
        attempt = _attempt(job, claim, Outcome.WORKER_ERROR)
        decision: Decision = RetryAt(round((time.time() + delay_seconds) * 1000))
        if claim.task is not None:
            decision = decide(
                attempt, claim.task, self._policy, round(time.time() * 1000), seed=claim.task_id
            )
        await self._settle(job, claim, attempt, decision)
        if claim.task is None and not delay_seconds:
            # Without a delay, SAQ counts the job as queued immediately.
            with suppress(UnknownTaskError, WrongStateError):
                await self._tasks.operations.run_now(claim.task_id)

    async def finish(self, job: Job, status: Status) -> None:
        """Settle a job that this process holds."""
        claim, running = self._held[job.key]
        if status is Status.ABORTED and job.key in self._swept and running.retryable:
            await self.retry(running)
            return
        if status is Status.FAILED and claim.task is not None:
            await self.retry(job)  # the policy of HTTP tasks decides, not SAQ's ``retries``
            return
        del self._held[job.key]
        if status is Status.ABORTED:
            with suppress(UnknownTaskError, WrongStateError):
                await self._tasks.operations.cancel(
                    claim.task_id, payload=self._payload(job, claim)
                )
        done = status is Status.COMPLETE
        outcome = Outcome.DELIVERED if done else Outcome.WORKER_ERROR
        decision = Done() if done else Dead(job.error or status.value)
        await self._settle(job, claim, _attempt(job, claim, outcome), decision)

    def _payload(self, job: Job, claim: Claim) -> bytes | None:
        return None if claim.task else dump(self._queue, job)

    async def _settle(self, job: Job, claim: Claim, attempt: Attempt, decision: Decision) -> None:
        try:
            await self._tasks.settle(
                claim, attempt, decision,
                payload=self._payload(job, claim), result_ttl_ms=_result_ttl_ms(job),
            )  # fmt: skip
        except LeaseLostError as lost:
            logger.warning("settle.lease_lost", task_id=job.key, reason=str(lost))

    async def sweep(self, reason: str) -> list[str]:
        """Mark stuck jobs. SAQ's worker then cancels and finishes them."""
        stuck = [key for key, held in self._held.items() if held.job.stuck]
        self._swept.update(dict.fromkeys(stuck, reason))
        return stuck

    def mark_swept(self, job: Job) -> None:
        """Show a job that a sweep has ended as one that is being aborted."""
        if job.key in self._swept and job.key in self._held:
            job.status, job.error = Status.ABORTING, self._swept[job.key]

    def was_swept(self, job: Job) -> bool:
        """Return whether a sweep has ended, and so settled, this job; true only once."""
        return self._swept.pop(job.key, None) is not None

    async def close(self) -> None:
        """Stop waiting, and release the claims."""
        if self._dispatcher is not None:
            await cancel_and_wait([self._dispatcher])
        claims = [held.claim for held in self._held.values()] + list(self._offered)
        if claims:
            await self._tasks.release(claims)
            self._held.clear()
            self._offered.clear()


def _result_ttl_ms(job: Job) -> int | None:
    """Return how long the job's record is kept; None for RESULT_TTL, if SAQ sets no limit."""
    if job.ttl == 0:
        return None
    return max(job.ttl, 0) * 1000


def _attempt(job: Job, claim: Claim, outcome: Outcome) -> Attempt:
    duration_ms = float(max(job.touched - job.started, 0))
    error = job.error[-ERROR_MAX_CHARACTERS:] if job.error else None
    return Attempt(claim.attempt, job.started, duration_ms, outcome, error=error)
