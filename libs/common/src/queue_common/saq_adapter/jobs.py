"""SAQ's view of our records: jobs.

An HTTP task shows as a job of the function ``deliver``; what SAQ's own ``enqueue`` was given is
kept as that job's JSON and comes back as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from saq import Job, Status
from saq.job import TERMINAL_STATUSES

from ..errors import UnreadableRecordError
from ..lanes import shown_url
from ..task import State

if TYPE_CHECKING:
    from saq import Queue

    from ..queue import Claim
    from ..queue.storage.record import Record
    from ..task import Task

__all__ = ["DELIVER", "NO_DIGEST", "dump", "is_job", "job_of", "job_to_run", "lane_of_function"]

NO_DIGEST = bytes(8)
"""SAQ tells jobs apart by their key alone. An id that has this digest may be used again once its
task is settled."""

DELIVER = "deliver"
"""The function of which HTTP tasks are jobs."""

_STATUSES = {
    State.QUEUED: Status.QUEUED,
    State.SCHEDULED: Status.QUEUED,
    State.ACTIVE: Status.ACTIVE,
    State.DELIVERED: Status.COMPLETE,
    State.DEAD: Status.FAILED,
    State.CANCELLED: Status.ABORTED,
}


def lane_of_function(function: str) -> str:
    """Return the lane of a SAQ job: one for each function."""
    return f"saq:{function}"


def is_job(payload: bytes) -> bool:
    """Tell a SAQ job's JSON from a task's MessagePack."""
    return payload.startswith(b"{")


def dump(queue: Queue, job: Job) -> bytes:
    """Return the JSON in which a SAQ job is kept."""
    dumped = queue.serialize(job)
    return dumped if isinstance(dumped, bytes) else dumped.encode()


def job_of(queue: Queue, key: str, record: Record) -> Job:
    """Return the job that a record shows as; of an HTTP task no header, body or query string."""
    try:
        if is_job(record.payload):
            job = _stored(queue, record.payload)
        else:
            job = _job_of_task(key, record, record.task())
    except UnreadableRecordError as error:
        job = Job(function=DELIVER, key=key, timeout=0, error=str(error))
    return _with_state(job, queue, record)


def _with_state(job: Job, queue: Queue, record: Record) -> Job:
    job.queue = queue
    job.attempts = record.attempts + (record.state is State.ACTIVE)
    job.status = _status(job, record)
    if record.state is State.SCHEDULED:
        job.scheduled = record.at_ms // 1000
    if record.state is State.ACTIVE:
        job.started = record.at_ms
    if record.state.settled:
        job.completed = record.at_ms
    return job


def _status(job: Job, record: Record) -> Status:
    if record.cancel_requested:
        return Status.ABORTING
    if record.state is State.CANCELLED and job.status in TERMINAL_STATUSES:
        return job.status  # a job that was finished while it waited
    return _STATUSES[record.state]


def _stored(queue: Queue, payload: bytes) -> Job:
    try:
        job = queue.deserialize(payload)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"the job's record cannot be read: {error}"
        raise UnreadableRecordError(msg) from error
    if job is None:
        msg = "the job's record is empty"
        raise UnreadableRecordError(msg)
    return job


def _job_of_task(key: str, record: Record, task: Task) -> Job:
    job = Job(function=DELIVER, key=key, timeout=0)
    attempt = record.last_attempt()
    if attempt is not None:
        job.error = attempt.error
        job.result = attempt.status_code
    job.kwargs = {"method": task.method, "url": shown_url(task.url)}
    job.queued = task.accepted_at_ms
    job.meta = dict(task.compact().trace_context or {})
    return job


def job_to_run(queue: Queue, claim: Claim) -> Job:
    """Return the job that a SAQ worker runs for a claim.

    Of an HTTP task it carries all that is to be sent, as ``deliver(ctx, *, url, method, headers,
    body)``. Raises UnreadableRecordError.
    """
    record = claim.record
    if record is None:
        raise UnreadableRecordError(claim.unreadable or "")
    if claim.task is None and not is_job(record.payload):
        raise UnreadableRecordError(claim.unreadable or "")
    task = claim.task
    job = _job_of_task(claim.task_id, record, task) if task else _stored(queue, record.payload)
    _with_state(job, queue, record)
    # SAQ's worker counts the attempt itself.
    job.attempts = record.attempts
    job.status = Status.QUEUED
    if task is not None:
        job.retries = claim.attempt + 1  # it always asks for a retry; our policy decides
        fields: dict[str, Any] = msgspec.structs.asdict(task)
        job.kwargs = {name: fields[name] for name in ("url", "method", "headers", "body")}
    return job
