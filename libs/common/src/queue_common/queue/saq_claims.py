"""Claims in the hands of SAQ's own worker: many callers that each wait for one job."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog
from saq import Job, Status

from ..cancellation import cancel_and_wait
from ..errors import LeaseLostError, UnreadableRecordError
from ..retry import Dead
from ..task import Attempt, Outcome
from .jobs import dump, job_to_run
from .record import fixed_part
from .settlement import arguments

if TYPE_CHECKING:
    from .claim import Claim
    from .scripts import Scripts
    from .task_queue import TaskQueue

__all__ = ["NO_DIGEST", "SaqClaims"]

NO_DIGEST = bytes(8)
"""SAQ tells jobs apart by their key alone."""

logger = structlog.stdlib.get_logger(__name__)


class SaqClaims:
    """Hands claims to waiting callers, and settles them as SAQ's worker finishes its jobs."""

    def __init__(self, queue: TaskQueue, scripts: Scripts, *, result_ttl_ms: int) -> None:
        self._queue = queue
        self._scripts = scripts
        self._result_ttl_ms = result_ttl_ms
        self._waiting: deque[asyncio.Future[Job | None]] = deque()
        self._claims: dict[str, Claim] = {}
        self._dispatcher: asyncio.Task[None] | None = None

    def holds(self, job: Job) -> bool:
        """Say whether the job is in this worker's hands."""
        return job.key in self._claims

    async def next_job(self, timeout_seconds: float) -> Job | None:
        """Wait for a job; None when the time (0: none is set) is up, or claiming was stopped."""
        future: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.create_task(self._dispatch())
        try:
            return await asyncio.wait_for(future, timeout_seconds or None)
        except TimeoutError:
            return None
        finally:
            if not self._hungry() and self._dispatcher is not None:
                self._dispatcher.cancel()

    def _hungry(self) -> int:
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        return sum(not future.done() for future in self._waiting)

    async def _dispatch(self) -> None:
        # All callers of SAQ's worker wait by now: their number is its concurrency.
        await self._queue.start_serving(worker_id="saq", concurrency=self._hungry())
        while hungry := self._hungry():
            claims = await self._queue.claim(hungry)
            if not claims:
                for future in self._waiting:
                    if not future.done():
                        future.set_result(None)
            for claim in claims:
                await self._hand_over(claim)

    async def _hand_over(self, claim: Claim) -> None:
        try:
            job = job_to_run(self._queue, claim)
        except UnreadableRecordError as error:
            attempt = Attempt(claim.attempt, 0, 0.0, Outcome.UNREADABLE, error=str(error))
            await self._queue.settle(claim, attempt, Dead(str(error)))
            return
        if not self._hungry():
            await self._queue.give_back([claim])
            return
        self._claims[job.key] = claim
        self._waiting.popleft().set_result(job)

    async def update(self, job: Job) -> None:
        """Keep what a running job says of itself; an HTTP task carries no such thing."""
        claim = self._claims.get(job.key)
        if claim is not None and claim.task is None:
            rest = fixed_part(claim.lane, dump(self._queue, job), NO_DIGEST)
            await self._scripts.run("update", claim.lease, job.key, rest)

    async def retry(self, job: Job) -> None:
        """Schedule the job again after its own delay."""
        claim = self._claims[job.key]
        payload = b"" if claim.task else dump(self._queue, job)
        await self._settle(job, b"s", round(job.next_retry_delay() * 1000), payload, job.error)

    async def finish(self, job: Job, status: Status) -> None:
        """Settle the job; one that is in nobody's hands has been settled already."""
        claim = self._claims.get(job.key)
        if claim is None:
            return
        if status is Status.FAILED:
            payload = b"" if claim.task else dump(self._queue, job)
            await self._settle(job, b"d", 0, payload, job.error)
            return
        kept = claim.task.compact().encode() if claim.task else dump(self._queue, job)
        action = b"k" if status is Status.COMPLETE else b"x"
        await self._settle(job, action, self._kept_ms(job), kept, job.error)

    def _kept_ms(self, job: Job) -> int:
        """Return how long the job's record stays; SAQ's "for ever" is RESULT_TTL here."""
        if job.ttl > 0:
            return job.ttl * 1000
        return self._result_ttl_ms if job.ttl == 0 else 0

    async def _settle(
        self, job: Job, action: bytes, ms: int, payload: bytes, error: str | None
    ) -> None:
        claim = self._claims.pop(job.key)
        digest = claim.record.digest if claim.record else NO_DIGEST
        rest = fixed_part(claim.lane, payload, digest) if payload else b""
        outcome = Outcome.DELIVERED if action == b"k" else Outcome.WORKER_ERROR
        duration_ms = float(max(job.touched - job.started, 0))
        attempt = Attempt(claim.attempt, job.started, duration_ms, outcome, error=error)
        try:
            await self._queue.settle_as(claim, arguments(claim, action, ms, rest, attempt))
        except LeaseLostError as lost:
            logger.warning("settle.lease_lost", task_id=job.key, reason=str(lost))

    async def close(self) -> None:
        """Stop waiting; give back what is held."""
        if self._dispatcher is not None:
            await cancel_and_wait([self._dispatcher])
        if self._claims:
            await self._queue.give_back(list(self._claims.values()))
            self._claims.clear()
