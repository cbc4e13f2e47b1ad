"""The next delivery of a listener. What cannot be delivered is settled, as workers do."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from queue_common.errors import LeaseLostError, UnreadableRecordError
from queue_common.lanes import split_lane
from queue_common.retry import Dead, deadline_of, decide
from queue_common.sealing import open_task
from queue_common.signing import UnreadableSecretError
from queue_common.task import Outcome

from .attempts import (
    attempt_without_request,
    delivery_of,
    is_overdue,
    overdue_attempt,
    token_of,
)

if TYPE_CHECKING:
    from queue_common.queue import Claim
    from queue_common.retry import Decision
    from queue_common.task import Attempt

    from ..app_context import AppContext
    from .schemas import Delivery

__all__ = ["next_delivery_of", "settle_overdue"]


async def next_delivery_of(context: AppContext, listener_id: str) -> Delivery | None:
    """Renew a listener and return its next delivery, if there is one.

    Raises LeaseLostError if the listener is gone.
    """
    while (claim := await context.queue.listeners.claim(listener_id)) is not None:
        delivery = await _delivery(context, claim)
        if delivery is not None:
            # The token names the claim as Redis has it now.
            held = await context.queue.listeners.claims(listener_id)
            own = next((one for one in held if one.task_id == claim.task_id), claim)
            return msgspec.structs.replace(delivery, token=token_of(own))
    return None


async def _delivery(context: AppContext, claim: Claim) -> Delivery | None:
    """Return the delivery of a claim; settle the claim if there is none."""
    if claim.task is None:
        await _fail(context, claim, Outcome.UNREADABLE, claim.unreadable or "it is unreadable")
        return None
    if _now_ms() > deadline_of(claim.task, context.policy):
        await _fail(context, claim, Outcome.EXPIRED, "the deadline passed while the task waited")
        return None
    await context.signing.refresh()
    try:
        task = open_task(context.queue.sealer, claim.task_id, claim.task)
        return delivery_of(claim, task, context.signing.of(split_lane(claim.lane)[0]))
    except UnreadableRecordError as error:
        await _fail(context, claim, Outcome.UNREADABLE, str(error))
    except UnreadableSecretError as error:
        await _fail(context, claim, Outcome.WORKER_ERROR, str(error))
    return None


async def _fail(context: AppContext, claim: Claim, outcome: Outcome, reason: str) -> None:
    await _settle(context, claim, attempt_without_request(claim, outcome, reason, _now_ms()))


async def settle_overdue(context: AppContext, listener_id: str) -> None:
    """End the attempts whose result did not come in time: they are tried again as usual."""
    now_ms = _now_ms()
    for claim in await context.queue.listeners.claims(listener_id):
        if is_overdue(claim, now_ms):
            await _settle(context, claim, overdue_attempt(claim, now_ms))


async def _settle(context: AppContext, claim: Claim, attempt: Attempt) -> None:
    if claim.task is None:
        decision: Decision = Dead(attempt.error or attempt.outcome)
    else:
        decision = decide(attempt, claim.task, context.policy, _now_ms(), seed=claim.task_id)
    with suppress(LeaseLostError):  # its result came just now
        await context.queue.listeners.settle(claim, attempt, decision)


def _now_ms() -> int:
    return round(time.time() * 1000)
