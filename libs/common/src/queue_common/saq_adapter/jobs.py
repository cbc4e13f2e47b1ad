"""Converts records to SAQ's jobs.

An HTTP task appears as a job of the function ``deliver``. A job that was enqueued by SAQ is stored
as SAQ's JSON and is returned unchanged.
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
"""The digest of SAQ's jobs, which SAQ identifies by their key alone. With this digest, an id may be
used again once its task is settled."""

DELIVER = "deliver"
"""The function name of HTTP tasks."""

_STATUSES = {
    State.QUEUED: Status.QUEUED,
    State.SCHEDULED: Status.QUEUED,
    State.ACTIVE: Status.ACTIVE,
    State.DELIVERED: Status.COMPLETE,
    State.DEAD: Status.FAILED,
    State.CANCELLED: Status.ABORTED,
}


def lane_of_function(function: str) -> str:
    """Return the lane of a SAQ job. Each function has one."""
    return f"saq:{function}"


def is_job(payload: bytes) -> bool:
    """Return whether a payload is a SAQ job (JSON) and not a task (MessagePack)."""
    return payload.startswith(b"{")


def dump(queue: Queue, job: Job) -> bytes:
    """Return the JSON by which a SAQ job is stored."""
    dumped = queue.serialize(job)
    return dumped if isinstance(dumped, bytes) else dumped.encode()


def job_of(queue: Queue, key: str, record: Record) -> Job:
    """Return a record as a job, without an HTTP task's headers, body and query string."""
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

    For an HTTP task this is ``deliver(ctx, *, url, method, headers, body)``, with everything that
    is to be sent. Raises UnreadableRecordError.
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
        job.retries = (
            claim.attempt + 1
        )  # SAQ's worker then always asks for a retry, and our policy decides
        fields: dict[str, Any] = msgspec.structs.asdict(task)
        job.kwargs = {name: fields[name] for name in ("url", "method", "headers", "body")}
    return job
