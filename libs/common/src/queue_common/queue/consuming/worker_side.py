"""The worker's side of the queue: claiming and settling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...retry import Done
from .consumer import Consumer
from .in_flight import UNBOUNDED
from .outbox import entry_after
from .settlement import defer_arguments, release_arguments, settle_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...retry import Decision
    from ...sealing import Sealer
    from ...task import Attempt
    from ..activity import Activity
    from ..claim import Claim
    from ..full_results import FullResults
    from ..hooks import QueueHooks
    from ..storage.connection import RedisServers
    from ..storage.retention import Retention
    from .in_flight import InFlight

__all__ = ["Consuming"]


class Consuming:
    """The methods of ``TaskQueue`` for workers. ``TaskQueue`` sets the attributes."""

    name: str
    activity: Activity
    full_results: FullResults
    sealer: Sealer
    _servers: RedisServers
    _retention: Retention
    _hooks: QueueHooks
    _in_flight: InFlight
    _lane_concurrency: int
    _consumer: Consumer | None

    async def start_consuming(
        self,
        *,
        worker_id: str,
        concurrency: int,
        max_tasks: int = 0,
        max_bytes: int = 0,
        max_on_trial: int = UNBOUNDED,
    ) -> None:
        """Take the lease under which this process claims; ``disconnect`` ends it.

        ``concurrency`` is added to the number of requests that each lane may have in flight. The
        process holds at most ``max_tasks`` claims (0: ``concurrency``) with at most ``max_bytes``
        (0: no limit), or a single larger one. At most ``max_on_trial`` of them are from lanes that
        are not proven.
        """
        if self._consumer is None:
            self._in_flight.max_tasks = max_tasks or concurrency
            self._in_flight.max_bytes = max_bytes
            self._in_flight.max_on_trial = max_on_trial
            self._consumer = Consumer(
                self._servers, self._retention, self.name, worker_id, concurrency,
                self._in_flight, self._lane_concurrency, self._hooks, self.full_results.share,
                self.activity, self.sealer,
            )  # fmt: skip

    async def until_consuming(self) -> None:
        """Return once Redis knows the lease."""
        await self._started_consumer().lease.alive.wait()

    async def claim(self, limit: int) -> list[Claim]:
        """Wait until there is work; return 1 to ``limit`` claims, from the lanes in turn.

        Returns an empty list after ``stop_claiming``. Only one caller may wait at a time.
        """
        consumer = self._started_consumer()
        return [] if consumer.stopped else await consumer.claims.claim(limit)

    def stop_claiming(self) -> None:
        """Stop claiming. Existing claims can still be settled."""
        if self._consumer is not None:
            self._consumer.stopped = True
            self._consumer.claims.stop()

    async def settle(
        self, claim: Claim, attempt: Attempt, decision: Decision,
        *, payload: bytes | None = None, result_ttl_ms: int | None = None,
    ) -> bool:  # fmt: skip
        """Return once Redis has written ``decision`` and ``attempt``; waits while Redis is away.

        Returns True if a client had cancelled the task: it is cancelled instead. Raises
        LeaseLostError if the claim no longer belongs to this worker; nothing was written then.
        ``payload`` replaces the task's payload, ``result_ttl_ms`` replaces RESULT_TTL.
        """
        ttl_ms = self._retention.result_ttl_ms if result_ttl_ms is None else result_ttl_ms
        keeps_whole = attempt.response_headers is not None and isinstance(decision, Done)
        whole_ttl_ms = 0
        if keeps_whole and self.full_results.take(claim.size):
            whole_ttl_ms = self.full_results.ttl_ms
        follows = entry_after(claim, attempt, decision, self.sealer)
        arguments = settle_arguments(
            claim, attempt, decision, ttl_ms, payload, whole_ttl_ms, follows
        )
        cancelled = await self._started_consumer().settlements.settle(claim, arguments)
        if follows:
            self._started_consumer().outbox.work.set()
        self.activity.settled(claim, attempt, decision, cancelled=cancelled)
        return cancelled

    async def defer(self, claim: Claim) -> None:
        """Release a claim and mark its lane as unhealthy: the lane then gets single probes.

        Raises LeaseLostError.
        """
        await self._started_consumer().settlements.settle(claim, defer_arguments(claim))

    async def release(self, claims: Sequence[Claim]) -> None:
        """Put claims back at the front of their lanes. No attempt is counted.

        A claim that no longer belongs to this worker is ignored.
        """
        settlements = self._started_consumer().settlements
        futures = [settlements.settle(claim, release_arguments(claim)) for claim in claims]
        results = await asyncio.gather(*futures, return_exceptions=True)
        # True: the task was cancelled instead.
        self._hooks.released(sum(result is False for result in results), "stop")

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of the records that are claimed and not settled."""
        return self._in_flight.bytes

    @property
    def serving(self) -> bool:
        """Whether the lease is alive, by Redis' last reply."""
        return self._consumer is not None and self._consumer.lease.fresh

    def _started_consumer(self) -> Consumer:
        if self._consumer is None:
            msg = "call start_consuming() before claiming"
            raise RuntimeError(msg)
        return self._consumer
