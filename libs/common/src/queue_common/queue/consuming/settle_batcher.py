"""Writes a worker's settlements to Redis: concurrent ones share round trips."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from ...errors import LeaseLostError
from ..claim import Claim

if TYPE_CHECKING:
    from ..storage.retention import Retention
    from ..storage.scripts import Argument
    from .in_flight import InFlight
    from .reconcile import Reconciler

__all__ = ["SettleBatcher", "Settlement"]

BATCH_SIZE = 200
LOST, CANCELLED_INSTEAD = 0, 2
"""Results of ``settle.lua``. LOST: the claim no longer belongs to this lease."""

Settlement = tuple[Claim, tuple["Argument", ...], "asyncio.Future[bool]"]


class SettleBatcher:
    """Settles claims; a settlement is kept until Redis has replied to it.

    ========  ==================================  =============================================
    state     where the settlement is             it ends with
    ========  ==================================  =============================================
    pending   ``pending``                         ``next_batch``; lost if its lease has ended
    sent      the batch of the round trip         ``receive``, or ``resend`` if no reply came
    resent    ``pending``, its task in _resent    as pending; Redis may have written it already
    ended     nowhere                             its future is done
    ========  ==================================  =============================================
    """

    def __init__(
        self, in_flight: InFlight, retention: Retention, reconciler: Reconciler,
        *, work: asyncio.Event,
    ) -> None:  # fmt: skip
        """Set ``work`` whenever a round trip is due."""
        self._in_flight = in_flight
        self._retention = retention
        self._reconciler = reconciler
        self._work = work
        self._resent: set[str] = set()
        """Tasks of settlements that were sent without getting a reply."""
        self.pending: deque[Settlement] = deque()

    def settle(self, claim: Claim, arguments: tuple[Argument, ...]) -> asyncio.Future[bool]:
        """Return a future that is done once Redis has written the settlement.

        True: a client had cancelled the task, so it is cancelled instead. The future raises
        LeaseLostError.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.pending.append((claim, arguments, future))
        self._work.set()
        return future

    def next_batch(self, lease: str) -> list[Settlement]:
        """Take the settlements for the next round trip. Claims of an older lease are lost."""
        batch: list[Settlement] = []
        while self.pending and len(batch) < BATCH_SIZE:
            claim, arguments, future = self.pending.popleft()
            if claim.lease == lease:
                batch.append((claim, arguments, future))
            else:
                self._end(claim, future, LOST)
        return batch

    def arguments(self, lease: str, batch: list[Settlement], *, claiming: bool) -> list[Argument]:
        """Return the arguments of ``settle.lua``; ``claiming``: a claim follows at once."""
        retention = self._retention
        joined: list[Argument] = [
            lease, retention.result_ttl_ms, retention.result_max, retention.dead_ttl_ms,
            retention.dead_max, int(claiming),
        ]  # fmt: skip
        for _, arguments, _ in batch:
            joined.extend(arguments)
        return joined

    def resend(self, batch: list[Settlement]) -> None:
        """Send a batch that got no reply again, with the next round trip."""
        self.pending.extendleft(reversed(batch))
        self._resent.update(claim.task_id for claim, _, _ in batch)

    async def receive(self, lease: str, batch: list[Settlement], results: list[int]) -> None:
        """Read the reply of ``settle.lua``."""
        if self._resent and not all(results) and await self._reconciler.lease_lives(lease):
            # While a lease is alive, only a settlement ends its claims. So the first one was
            # written, and the reply to it was lost.
            results = [
                result or int(claim.task_id in self._resent)
                for (claim, _, _), result in zip(batch, results, strict=True)
            ]
        for (claim, _, future), result in zip(batch, results, strict=True):
            self._end(claim, future, result)

    def _end(self, claim: Claim, future: asyncio.Future[bool], result: int) -> None:
        self._in_flight.remove(claim)
        self._resent.discard(claim.task_id)
        if future.done():
            return
        if result != LOST:
            future.set_result(result == CANCELLED_INSTEAD)
        else:
            msg = f"task {claim.task_id}: the claim no longer belongs to this worker"
            future.set_exception(LeaseLostError(msg))
