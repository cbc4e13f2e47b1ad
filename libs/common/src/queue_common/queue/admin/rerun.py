"""The records of tasks that a client runs now: their deadline, and their policy, begin anew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from ...errors import UnreadableRecordError
from ...options import Rerun
from ...retry import RetryPolicy, default_deadline_ms, own_deadline_ms
from ..storage.record import immutable_part

if TYPE_CHECKING:
    from ...task import Task
    from ..storage.record import Record

__all__ = ["is_whole", "rerun_dead", "rerun_early"]


def is_whole(record: Record) -> bool:
    """Return whether the record is complete; a SAQ job's always is."""
    try:
        return record.task().is_whole(record.digest)
    except UnreadableRecordError:
        return True


def rerun_dead(record: Record, lifetime_ms: int) -> bytes:
    """Return the new immutable part of a dead letter's record; empty if the old one is kept.

    A task without a deadline, and without a policy that ends by itself, has ``lifetime_ms``.
    """
    try:
        return _rerun(record, record.task(), lifetime_ms)
    except UnreadableRecordError:
        return b""


def rerun_early(record: Record) -> bytes:
    """Return the same for a scheduled task, which changes only if it is run before its due time.

    The deadline of one that waits for a retry counts on.
    """
    if record.attempts:
        return b""
    try:
        task = record.task()
    except UnreadableRecordError:
        return b""
    if task.options is None or not task.options.delay_ms or task.rerun is not None:
        return b""
    return _rerun(record, task, RetryPolicy().deadline_ms)


def _rerun(record: Record, task: Task, lifetime_ms: int) -> bytes:
    own_ms = own_deadline_ms(task)
    retry = task.options.retry if task.options else None
    allowed_ms = own_ms or default_deadline_ms(retry, RetryPolicy(deadline_ms=lifetime_ms))
    since_accepted = round(time.time() * 1000) - task.accepted_at_ms
    again = msgspec.structs.replace(
        task, retry_deadline_ms=since_accepted + allowed_ms,
        rerun=Rerun(own_ms, record.attempts),
    )  # fmt: skip
    return immutable_part(record.lane, again.encode(), record.digest)
