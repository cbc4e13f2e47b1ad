"""Converts attempts to responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from queue_common.queue import unpack_attempts
from queue_common.redaction import redacted

from ...parameters import written_time
from .schemas import AttemptDetails, AttemptList, AttemptPhases
from .status import attempt_status, trace_id_of

if TYPE_CHECKING:
    from queue_common.task import Attempt, TaskView

__all__ = ["attempt_list"]


def attempt_list(view: TaskView) -> AttemptList:
    """Return the attempts in a task's record."""
    trace_id = trace_id_of(view.task)
    return AttemptList(
        [_details(attempt, trace_id) for attempt in unpack_attempts(view.packed_attempts)]
    )


def _details(attempt: Attempt, trace_id: str | None) -> AttemptDetails:
    headers = attempt.response_headers
    return AttemptDetails(
        **msgspec.structs.asdict(attempt_status(attempt)),
        phases=_phases(attempt),
        address=attempt.address,
        response_headers=None if headers is None else redacted(headers),
        response_excerpt=attempt.response_excerpt,
        worker=attempt.worker,
        trace_id=trace_id,
        next_attempt_at=written_time(attempt.next_at_ms),
    )


def _phases(attempt: Attempt) -> AttemptPhases | None:
    if attempt.phases_us is None:
        return None
    dns, connect, tls, first_byte = (None if us < 0 else us / 1000 for us in attempt.phases_us)
    return AttemptPhases(dns, connect, tls, first_byte)
