"""A claim: a task that a worker has taken for an attempt."""

from __future__ import annotations

import msgspec

from ..errors import UnreadableRecordError
from ..task import Attempt, Task, TaskId
from .storage.record import Record

__all__ = ["Claim", "claims_from"]


class Claim(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A task that this worker may attempt and settle while its lease is alive."""

    task_id: TaskId
    lane: str
    lease: str
    attempt: int
    """Number of the attempt to make, from 1."""
    interrupted: int
    """Attempts interrupted by a crash."""
    waiting_since_ms: int
    """Unix time since which the task could have been claimed."""
    task: Task | None
    """None if the record cannot be read; ``unreadable`` has the reason."""
    unreadable: str | None
    last_attempt: Attempt | None
    cancel_requested: bool
    """A client has cancelled the task since it was claimed."""
    raw: bytes
    """The bytes of a record that is not one of ours; else empty."""
    record: Record | None
    """Its payload is empty if it was decoded as a task: a claim holds the body only once."""
    size: int
    """Bytes of the record: about what the claim costs in memory."""
    on_trial: bool = False
    """Its lane was not proven when it was claimed."""

    def __repr__(self) -> str:
        """Name the task without its content."""
        return f"Claim({self.task_id}, attempt {self.attempt})"


def _claim(lease: str, task_id: bytes, lane: bytes, raw: bytes, on_trial: bool) -> Claim:
    record, task, unreadable = None, None, None
    try:
        record = Record.unpack(raw)
        task = record.take_task()
    except UnreadableRecordError as error:
        unreadable = str(error)
    return Claim(
        task_id=TaskId(task_id.decode()),
        lane=lane.decode(),
        lease=lease,
        attempt=record.attempts + 1 if record else 1,
        interrupted=record.interrupted if record else 0,
        waiting_since_ms=record.at_ms if record else 0,
        task=task,
        unreadable=unreadable,
        last_attempt=record.last_attempt() if record else None,
        cancel_requested=record is not None and record.cancel_requested,
        raw=b"" if record else raw,
        record=record,
        size=len(raw),
        on_trial=on_trial,
    )


def claims_from(lease: str, reply: list[bytes], proven: int) -> list[Claim]:
    """Read a reply that repeats id, lane and record; the first ``proven`` are of proven lanes.

    Empties the reply, so that each record is freed before the next one is decoded.
    """
    reply.reverse()
    claims: list[Claim] = []
    while reply:
        on_trial = len(claims) >= proven
        claims.append(_claim(lease, reply.pop(), reply.pop(), reply.pop(), on_trial))
    return claims
