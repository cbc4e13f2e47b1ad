"""One claim from end to end: deliver, decide, settle."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from queue_common.errors import LeaseLostError, UnreadableRecordError
from queue_common.logs import events
from queue_common.retry import Dead, Decision, deadline_of, decide
from queue_common.sealing import Sealer, open_task
from queue_common.task import Attempt, Outcome

from ..transport import AddressBusyError
from .deliver import MAX_ERROR_CHARACTERS
from .settle import settle
from .trace import begin_trace

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from queue_common.queue import Claim
    from queue_common.retry import RetryPolicy
    from queue_common.task import State, Task, TaskId
    from queue_common.tracing.context import TraceContext
    from queue_common.tracing.tracer import Tracing

    from .settle import SupportsSettle
    from .trace import AttemptTrace

__all__ = ["AttemptHooks", "Processor", "SupportsDeliver"]

DEFERRAL_SECONDS = 0.25

logger = structlog.stdlib.get_logger(__name__)


class SupportsDeliver(Protocol):
    """Makes attempts, as ``Deliverer`` does."""

    async def deliver(
        self, task_id: TaskId, task: Task, number: int, trace: TraceContext
    ) -> Attempt:
        """Return the attempt's result."""
        ...


class AttemptHooks(Protocol):
    """Counts attempts, as ``WorkerMetrics`` does."""

    def deferred(self) -> None:
        """Count a claim that was put back without an attempt, because its address hangs."""

    def attempted(
        self, claim: Claim, attempt: Attempt, *, state: State | None, seconds: float
    ) -> None:
        """Count an attempt that took ``seconds`` from the claim to its settlement.

        ``state`` is the task's new state; None if the lease was lost.
        """
        ...


class Processor:
    """Processes claims. Each is settled; if cancelled, the caller must release it."""

    def __init__(
        self,
        queue: SupportsSettle,
        deliverer: SupportsDeliver,
        policy: RetryPolicy,
        tracing: Tracing,
        hooks: AttemptHooks,
        sealer: Sealer | None = None,
    ) -> None:
        self._queue = queue
        self._deliverer = deliverer
        self._policy = policy
        self._tracing = tracing
        self._hooks = hooks
        self._sealer = sealer or Sealer({})

    async def process(self, claim: Claim) -> None:
        """Make the attempt and settle it."""
        begin = time.perf_counter()
        trace = begin_trace(self._tracing, claim)
        try:
            attempt = await self._attempt(claim, trace)
            state = await self._settle(claim, attempt, trace)
        except AddressBusyError:
            await self._defer(claim)
            return
        except asyncio.CancelledError:
            trace.interrupted()
            raise
        except Exception as error:
            # A bug must not lose the task, stop other tasks, or loop: the task is tried again
            # after the interval, as after a failure of the destination.
            logger.exception("process.failed", **{events.TASK_ID: claim.task_id})
            attempt = _without_request(claim, Outcome.WORKER_ERROR, f"the worker failed: {error!r}")
            state = await self._settle(claim, attempt, trace)
        seconds = time.perf_counter() - begin
        self._hooks.attempted(claim, attempt, state=state, seconds=seconds)

    async def _defer(self, claim: Claim) -> None:
        # The pause limits how often claims are put back.
        await asyncio.sleep(DEFERRAL_SECONDS)
        self._hooks.deferred()
        with suppress(LeaseLostError):
            await self._queue.defer(claim)

    async def _attempt(self, claim: Claim, trace: AttemptTrace) -> Attempt:
        task = claim.task
        if task is not None and task.sealed is not None:
            try:
                task = open_task(self._sealer, claim.task_id, task)
            except UnreadableRecordError as error:
                return _without_request(claim, Outcome.UNREADABLE, str(error))
        if task is None:
            return _without_request(
                claim, Outcome.UNREADABLE, claim.unreadable or "it is unreadable"
            )
        if _now_ms() > deadline_of(task, self._policy):
            return _without_request(claim, Outcome.EXPIRED, _expired(claim))
        trace.delivering()
        attempt = await self._deliverer.deliver(claim.task_id, task, claim.attempt, trace.client)
        trace.delivered()
        return attempt

    def _settle(
        self, claim: Claim, attempt: Attempt, trace: AttemptTrace
    ) -> Awaitable[State | None]:
        """Settle the attempt; the awaited result is the task's new state."""
        decision = self._decide(claim, attempt)
        return settle(self._queue, claim, trace.decided(attempt, decision), decision, trace)

    def _decide(self, claim: Claim, attempt: Attempt) -> Decision:
        if claim.task is None:
            return Dead(attempt.error or attempt.outcome)
        return decide(attempt, claim.task, self._policy, _now_ms(), seed=claim.task_id)


def _without_request(claim: Claim, outcome: Outcome, reason: str) -> Attempt:
    return Attempt(claim.attempt, _now_ms(), 0.0, outcome, error=reason[:MAX_ERROR_CHARACTERS])


def _now_ms() -> int:
    return round(time.time() * 1000)


def _expired(claim: Claim) -> str:
    last = claim.last_attempt.error if claim.last_attempt else None
    return f"the deadline passed while the task waited; last error: {last or 'none'}"
