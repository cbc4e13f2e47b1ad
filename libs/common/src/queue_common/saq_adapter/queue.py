"""SAQ's queue interface on a ``TaskQueue``."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import saq
from saq import Job, Status
from saq.job import TERMINAL_STATUSES

from ..errors import ConflictError, UnknownTaskError, UnreadableRecordError, WrongStateError
from ..retry import RetryPolicy
from ..task import State, TaskId
from .dequeue import JobClaims
from .jobs import DELIVER, NO_DIGEST, dump, job_of, lane_of_function
from .worker_infos import WorkerInfos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from saq.types import CountKind, QueueInfo, WorkerInfo

    from ..queue import Claim, TaskQueue
    from ..queue.storage.record import Record

__all__ = ["SaqQueue"]

_STATES = {
    Status.NEW: (),
    Status.QUEUED: (State.QUEUED, State.SCHEDULED),
    Status.ACTIVE: (State.ACTIVE,),
    Status.ABORTING: (State.ACTIVE,),
    # A job that was finished while it waited is kept as a cancelled task.
    Status.COMPLETE: (State.DELIVERED, State.CANCELLED),
    Status.FAILED: (State.DEAD, State.CANCELLED),
    Status.ABORTED: (State.CANCELLED,),
}


class SaqQueue(saq.Queue):
    """A SAQ queue that has a ``TaskQueue``. HTTP tasks appear as jobs of the function ``deliver``.

    ``policy`` decides when to retry an HTTP task that a stock SAQ worker failed to deliver.
    """

    def __init__(self, tasks: TaskQueue, policy: RetryPolicy | None = None) -> None:
        super().__init__(tasks.name, None, None)
        self.tasks = tasks
        self._claims = JobClaims(self, policy or RetryPolicy())
        self._infos = WorkerInfos(tasks)

    async def disconnect(self) -> None:
        """Release the claims, and close the connections."""
        await self._claims.close()
        await self.tasks.disconnect()

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:
        """Return workers and counts, and with ``jobs`` the jobs that run or come next."""
        counts = await self.tasks.reader.count()
        return {
            "workers": await self._infos.read(),
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

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Store a worker's report for ``ttl`` seconds."""
        await self._infos.write(worker_id, info, ttl)

    async def count(self, kind: CountKind) -> int:
        """Count queued, active or incomplete (these two and scheduled) jobs in O(1)."""
        counts = await self.tasks.reader.count()
        if kind == "queued":
            return counts.queued
        if kind == "active":
            return counts.active
        if kind == "incomplete":
            return counts.queued + counts.active + counts.scheduled
        msg = f"can't count unknown kind {kind!r}"
        raise ValueError(msg)

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Abort the jobs of this process that have exceeded their timeout or heartbeat.

        Such a job is retried if it has retries left. Jobs of a dead worker return when its lease
        ends, without a sweep. Returns the keys.
        """
        del lock, abort
        return await self._claims.sweep(self.swept_error_message)

    async def job(self, job_key: str) -> Job | None:
        """Return a task as a job, or None if it is unknown."""
        (found,) = await self.jobs([job_key])
        return found

    async def jobs(self, job_keys: Iterable[str]) -> list[Job | None]:
        """Return jobs in the order of their keys; None for an unknown one."""
        keys = list(job_keys)
        records = await self.tasks.reader.records(keys)
        return [
            self._job(key, record) if record else None
            for key, record in zip(keys, records, strict=True)
        ]

    def _job(self, key: str, record: Record) -> Job:
        job = job_of(self, key, record)
        self._claims.mark_swept(job)
        return job

    async def iter_jobs(
        self, statuses: list[Status] | None = None, batch_size: int = 100
    ) -> AsyncIterator[Job]:
        """Iterate over the jobs in the given statuses, page by page, without scanning the keys."""
        wanted = list(Status) if statuses is None else statuses
        states = dict.fromkeys(state for status in wanted for state in _STATES[status])
        for state in states:
            cursor: str | None = None
            while True:
                page = await self.tasks.reader.list(state, cursor=cursor, limit=batch_size)
                for found in await self.jobs(task.id for task in page.tasks):
                    if found and found.status in wanted:
                        yield found
                cursor = page.cursor
                if cursor is None:
                    break

    async def abort(self, job: Job, error: str, ttl: float = 5) -> None:
        """Cancel a job: at once if it waits, otherwise when its worker notices."""
        del ttl
        job.error = error
        with suppress(UnknownTaskError, WrongStateError):
            found = await self._cancel(job, Status.ABORTED)
            job.status = Status.ABORTING if found is State.ACTIVE else Status.ABORTED

    async def _cancel(self, job: Job, status: Status) -> State:
        job.status = status
        payload = None if job.function == DELIVER else dump(self, job)
        return await self.tasks.operations.cancel(TaskId(job.key), payload=payload)

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:
        """Wait for a job, at most ``timeout`` seconds if that is not 0."""
        del poll_interval
        return await self._claims.next_job(timeout)

    def offer(self, claim: Claim) -> None:
        """Let the next ``dequeue`` return the job of ``claim``, which the caller has taken."""
        self._claims.offer(claim)

    async def _enqueue(self, job: Job) -> Job | None:
        delay_ms = max(round(job.scheduled * 1000 - time.time() * 1000), 0) if job.scheduled else 0
        lane = lane_of_function(job.function)
        try:
            new = await self.tasks.submit_payload(
                TaskId(job.key), lane, dump(self, job), NO_DIGEST, delay_ms=delay_ms
            )
        except ConflictError:
            return None
        return job if new else None

    async def _update(self, job: Job, status: Status | None = None, **kwargs: object) -> None:
        del status, kwargs
        if job.status is Status.ABORTING:
            await self.abort(job, job.error or "aborted")
        else:
            await self._claims.update(job)

    async def _finish(
        self, job: Job, status: Status, *, result: object = None, error: str | None = None
    ) -> None:
        del result, error
        if self._claims.holds(job):
            await self._claims.finish(job, status)
        elif status in TERMINAL_STATUSES and not self._claims.was_swept(job):
            # It waits, or is settled already: then there is nothing to finish.
            with suppress(UnknownTaskError, UnreadableRecordError, WrongStateError):
                await self._cancel(job, status)

    async def _retry(self, job: Job, error: str | None) -> None:
        del error
        if self._claims.holds(job):
            await self._claims.retry(job)
            return
        try:
            found = await self.tasks.reader.record(job.key)
        except UnknownTaskError:
            await self._enqueue(job)
            return
        if found.state is State.DEAD:
            await self.tasks.operations.requeue(TaskId(job.key))
        elif found.state is State.SCHEDULED:
            await self.tasks.operations.run_now(TaskId(job.key))
        elif found.state is not State.QUEUED:
            msg = f"job {job.key} is {found.state}: only scheduled and dead ones can be retried"
            raise WrongStateError(msg)
