"""Settles an attempt and logs it in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from queue_common.errors import LeaseLostError
from queue_common.logs import events
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import State

if TYPE_CHECKING:
    from queue_common.queue import Claim
    from queue_common.task import Attempt

    from .trace import AttemptTrace

__all__ = ["SupportsSettle", "settle"]

_STATES = {Done: State.DELIVERED, RetryAt: State.SCHEDULED, Dead: State.DEAD}

logger = structlog.stdlib.get_logger(__name__)


class SupportsSettle(Protocol):
    """Writes settlements, as the queue does."""

    async def defer(self, claim: Claim) -> None:
        """Release a claim whose address hangs; its lane then rests."""
        ...

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> bool:
        """Return once the decision is written; raises LeaseLostError.

        Returns True if a client had cancelled the task: it is cancelled instead.
        """
        ...


async def settle(
    queue: SupportsSettle, claim: Claim, attempt: Attempt, decision: Decision, trace: AttemptTrace
) -> State | None:
    """Return the task's new state once Redis has written it; None if the lease was lost.

    A task that a client had cancelled becomes cancelled, whatever the decision.
    """
    trace.settling()
    try:
        cancelled = await queue.settle(claim, attempt, decision)
    except LeaseLostError as error:
        trace.settled(error)
        # The attempt was made, but another worker decides what follows.
        logger.info(events.DELIVERY_ATTEMPTED, **_fields(claim, attempt, trace))
        lost = {events.TASK_ID: claim.task_id, events.ATTEMPT: attempt.number}
        logger.warning(events.LEASE_LOST, **lost, **{events.REASON: str(error)})
        return None
    trace.settled(cancelled=cancelled)
    fields = _fields(claim, attempt, trace)
    if cancelled:
        fields[events.STATE] = State.CANCELLED
    elif isinstance(decision, RetryAt):
        fields[events.NEXT_DUE] = events.iso_time(decision.due_at_ms)
    logger.info(events.DELIVERY_ATTEMPTED, **fields)
    if isinstance(decision, Dead) and not cancelled:
        died = {
            events.TASK_ID: claim.task_id,
            **events.lane_fields(claim.lane),
            events.TRACE_ID: trace.trace_id,
        }
        logger.warning(events.TASK_DIED, **died, **{events.REASON: decision.reason})
    return State.CANCELLED if cancelled else _STATES[type(decision)]


def _fields(claim: Claim, attempt: Attempt, trace: AttemptTrace) -> dict[str, object]:
    fields: dict[str, object] = {
        events.TASK_ID: claim.task_id,
        events.ATTEMPT: attempt.number,
        events.OUTCOME: attempt.outcome.value,
        events.STATUS: attempt.status_code,
        events.DURATION_MS: attempt.duration_ms,
        **events.lane_fields(claim.lane),
        events.TRACE_ID: trace.trace_id,
        events.SPAN_ID: trace.span_id,
    }
    if attempt.error is not None:
        fields[events.REASON] = attempt.error
    return fields
