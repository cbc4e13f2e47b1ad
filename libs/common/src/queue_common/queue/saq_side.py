"""What SAQ's own worker, web page and command line see of the queue.

The README of this package has the table of what differs from SAQ's RedisQueue, and why.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import saq
from saq import Job, Status

from ..errors import ConflictError, UnknownTaskError, WrongStateError
from ..task import State, TaskId
from .connection import answer, translated
from .jobs import dump, is_job, job_of, lane_of_function
from .lookup import Counts
from .record import fixed_part
from .saq_claims import NO_DIGEST, SaqClaims

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from redis.asyncio import Redis
    from saq.types import CountKind, QueueInfo, WorkerInfo

    from .lookup import Lookup
    from .operations import Operations
    from .submit import Submitter

__all__ = ["SaqSide"]

_STATES = {
    Status.NEW: (),
    Status.QUEUED: (State.QUEUED, State.SCHEDULED),
    Status.ACTIVE: (State.ACTIVE,),
    Status.ABORTING: (State.ACTIVE,),
    Status.COMPLETE: (State.DELIVERED,),
    Status.FAILED: (State.DEAD,),
    Status.ABORTED: (State.CANCELLED,),
}


class SaqSide(saq.Queue):
    """SAQ's interface, on our operations."""

    lookup: Lookup
    operations: Operations
    _client: Redis
    _prefix: str
    _submitter: Submitter
    _saq_claims: SaqClaims

    def __init__(self, name: str) -> None:
        super().__init__(name, None, None)

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:
        """Return workers, counts and, if asked, the jobs next to be done."""
        counts = await self.lookup.count()
        return {
            "workers": await self._workers(),
            "name": self.name,
            "queued": counts.queued,
            "active": counts.active,
            "scheduled": counts.scheduled,
            "jobs": [job.to_dict() for job in await self._next(offset, limit)] if jobs else [],
        }

    async def _next(self, offset: int, limit: int) -> list[Job]:
        found: list[Job] = []
        async for job in self.iter_jobs([Status.ACTIVE, Status.QUEUED]):
            found.append(job)
            if len(found) >= offset + limit:
                break
        return found[offset:]

    async def _workers(self) -> dict[str, WorkerInfo]:
        now = time.time()
        with translated():
            live = await answer(self._client.zrangebyscore(f"{self._prefix}infos", now, "+inf"))
            infos = [await self._client.get(f"{self._prefix}info:{i.decode()}") for i in live]
        return {i.decode(): json.loads(info) for i, info in zip(live, infos, strict=True) if info}

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Keep what a worker says of itself for ``ttl`` seconds."""
        now = time.time()
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.setex(f"{self._prefix}info:{worker_id}", ttl, json.dumps(info))
            pipeline.zremrangebyscore(f"{self._prefix}infos", "-inf", now)
            pipeline.zadd(f"{self._prefix}infos", {worker_id: now + ttl})
            pipeline.expire(f"{self._prefix}infos", ttl)
            with translated():
                await pipeline.execute()

    async def count(self, kind: CountKind) -> int:
        """Count queued, active or incomplete (these two and scheduled) jobs in O(1)."""
        counts: Counts = await self.lookup.count()
        if kind == "queued":
            return counts.queued
        if kind == "active":
            return counts.active
        if kind == "incomplete":
            return counts.queued + counts.active + counts.scheduled
        msg = f"can't count unknown kind {kind!r}"
        raise ValueError(msg)

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Do nothing: leases find what a dead worker left, whoever runs this."""
        del lock, abort
        return []

    async def job(self, job_key: str) -> Job | None:
        """Return the job that a task shows as, or None."""
        (found,) = await self.jobs([job_key])
        return found

    async def jobs(self, job_keys: Iterable[str]) -> list[Job | None]:
        """Return jobs in the order asked; None for what is unknown."""
        keys = list(job_keys)
        records = await self.lookup.records(keys)
        return [
            job_of(self, key, record) if record else None
            for key, record in zip(keys, records, strict=True)
        ]

    async def iter_jobs(
        self, statuses: list[Status] | None = None, batch_size: int = 100
    ) -> AsyncIterator[Job]:
        """Walk the jobs in the given statuses, page by page, without a scan of the keys."""
        wanted = list(Status) if statuses is None else statuses
        states = dict.fromkeys(state for status in wanted for state in _STATES[status])
        for state in states:
            cursor: str | None = None
            while True:
                page = await self.lookup.list(state, cursor=cursor, limit=batch_size)
                for found in await self.jobs(task.id for task in page.tasks):
                    if found and found.status in wanted:
                        yield found
                cursor = page.cursor
                if cursor is None:
                    break

    async def abort(self, job: Job, error: str, ttl: float = 5) -> None:
        """Cancel: at once where the job waits; an active one when its worker looks."""
        del ttl
        job.error = error
        try:
            record = await self.lookup.record(job.key)
            if is_job(record.payload):
                job.status = Status.ABORTED
                kept = fixed_part(record.lane, dump(self, job), record.digest)
                found = await self.operations.cancel_keeping(TaskId(job.key), kept)
            else:
                found = await self.operations.cancel(TaskId(job.key))
        except (UnknownTaskError, WrongStateError):
            return
        job.status = Status.ABORTING if found is State.ACTIVE else Status.ABORTED

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:
        """Wait for a job, for ``timeout`` seconds where that is not 0."""
        del poll_interval
        return await self._saq_claims.next_job(timeout)

    async def _enqueue(self, job: Job) -> Job | None:
        delay_ms = max(round(job.scheduled * 1000 - time.time() * 1000), 0) if job.scheduled else 0
        lane = lane_of_function(job.function)
        try:
            new = await self._submitter.submit(
                TaskId(job.key), lane, dump(self, job), NO_DIGEST, delay_ms=delay_ms
            )
        except ConflictError:
            return None
        return job if new else None

    async def _update(self, job: Job, status: Status | None = None, **kwargs: object) -> None:
        del kwargs
        # The claim has made the job active: SAQ's first update would say it again.
        if status is not Status.ACTIVE:
            await self._saq_claims.update(job)

    async def _finish(
        self, job: Job, status: Status, *, result: object = None, error: str | None = None
    ) -> None:
        del result, error
        await self._saq_claims.finish(job, status)

    async def _retry(self, job: Job, error: str | None) -> None:
        del error
        if self._saq_claims.holds(job):
            await self._saq_claims.retry(job)
            return
        found = await self.lookup.record(job.key)
        if found.state is State.DEAD:
            await self.operations.requeue(TaskId(job.key))
        elif found.state is State.SCHEDULED:
            await self.operations.run_now(TaskId(job.key))
        elif found.state is not State.QUEUED:
            msg = f"job {job.key} is {found.state}: only scheduled and dead ones can be retried"
            raise WrongStateError(msg)
