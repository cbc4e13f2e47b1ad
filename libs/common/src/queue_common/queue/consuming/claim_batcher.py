"""Claims tasks for a worker: decides when to ask Redis, and hands the claims over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..claim import Claim, claims_from
from .settlement import release_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..hooks import QueueHooks
    from ..storage.scripts import Argument
    from .in_flight import InFlight
    from .lease import Lease
    from .settle_batcher import SettleBatcher

__all__ = ["ClaimBatcher"]

MAX_CLAIMS = 100
"""Max tasks in one claim: with more, other idle workers would get none."""
LEASE_ENDED, NO_ROOM = -2, -3
"""Codes of ``claim.lua``. LEASE_ENDED: Redis does not know the lease any more. NO_ROOM: the worker
gets no more tasks before one of its claims ends."""
NO_ROOM_SECONDS = 30.0
"""A worker without room polls again after this time, even if none of its claims ends."""


class ClaimBatcher:
    """Claims for one caller at a time.

    =========  ================  ==================  ==========================================
    state      ``claim_waiter``  other attributes    it ends with
    =========  ================  ==================  ==========================================
    unused     none, or done                         ``claim``
    due        pending           ``poll``            the next round trip
    waiting    pending           waiting_for_work    a wakeup token, the timer, or a settlement
    no room    pending           ``no_room``         a settlement, or the timer
    =========  ================  ==================  ==========================================
    """

    def __init__(
        self, lease: Lease, settlements: SettleBatcher, in_flight: InFlight, hooks: QueueHooks,
        *, work: asyncio.Event, lane_concurrency: int,
    ) -> None:  # fmt: skip
        """Set ``work`` whenever a round trip is due."""
        self._lease = lease
        self._settlements = settlements
        self._in_flight = in_flight
        self._hooks = hooks
        self._work = work
        self._lane_concurrency = lane_concurrency
        self._claim_waiter: asyncio.Future[list[Claim]] | None = None
        self._claim_limit = 0
        self._poll = False
        self._no_room = False
        self._timer: asyncio.TimerHandle | None = None
        self.waiting_for_work = asyncio.Event()
        """Set while a wakeup token is for this worker."""

    async def claim(self, limit: int) -> list[Claim]:
        """Wait until there is work; return 1 to ``limit`` claims, or none after ``stop``."""
        waiter: asyncio.Future[list[Claim]] = asyncio.get_running_loop().create_future()
        self._claim_waiter, self._claim_limit, self._no_room = waiter, limit, False
        self.waiting_for_work.set()
        self.poll_now()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(waiter.result())
            raise
        finally:
            self._claim_waiter = None
            self.waiting_for_work.clear()

    def fail(self, error: BaseException) -> None:
        """Make the waiting claim raise ``error``."""
        if (waiter := self._waiter()) is not None:
            waiter.set_exception(error)

    def stop(self) -> None:
        """Make the waiting claim return an empty list."""
        if (waiter := self._waiter()) is not None:
            waiter.set_result([])

    def poll_now(self) -> None:
        """Claim with the next round trip, which is due now."""
        self._poll = True
        self._work.set()

    def is_due(self, *, settling: bool) -> bool:
        """Return whether the next round trip claims; one that settles always does."""
        return self._waiter() is not None and (self._poll or settling)

    def _waiter(self) -> asyncio.Future[list[Claim]] | None:
        waiter = self._claim_waiter
        return waiter if waiter is not None and not waiter.done() else None

    def arguments(self, lease: str, ending: Iterable[Claim]) -> list[Argument]:
        """Return the arguments of ``claim.lua``; ``ending`` are settled by the same round trip."""
        self._poll = False
        limit = min(self._claim_limit, MAX_CLAIMS)
        return [lease, limit, self._lane_concurrency, *self._in_flight.room(ending=ending)]

    def receive(self, lease: str, reply: list[Any], *, settled: bool) -> None:
        """Read the reply of ``claim.lua``; ``settled``: the same round trip settled claims."""
        poll_in_ms = int(reply.pop(0))
        if poll_in_ms == LEASE_ENDED:
            self._lease.lose(lease)
            self.poll_now()
            return
        proven = int(reply.pop(0))
        self.hand_over(claims_from(lease, reply, proven))
        # The claim did not count the room that settlements of the same round trip made.
        if poll_in_ms == 0 or (poll_in_ms == NO_ROOM and settled):
            self.poll_now()
        elif poll_in_ms == NO_ROOM and self._waiter() is not None:
            self._no_room = True
            # A token that comes now is for a worker that has room.
            self.waiting_for_work.clear()
            self._poll_in(NO_ROOM_SECONDS)
        elif poll_in_ms > 0:
            self._poll_in(poll_in_ms / 1000)

    def _poll_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.poll_now)

    def room_made(self) -> None:
        """Poll if the waiting claim lacked room: settlements have made some."""
        if self._no_room and self._waiter() is not None:
            self._no_room = False
            self.waiting_for_work.set()
            self.poll_now()

    def hand_over(self, claims: list[Claim]) -> None:
        """Give the claims to the caller of ``claim``; release them if it no longer waits."""
        self._in_flight.add(claims)
        waiter = self._waiter()
        if claims and waiter is not None:
            self._hooks.claimed(len(claims))
            waiter.set_result(claims)
        else:
            self.release(claims)

    def release(self, claims: list[Claim]) -> None:
        """Release claims that no caller waits for."""
        for claim in claims:
            settled = self._settlements.settle(claim, release_arguments(claim))
            settled.add_done_callback(self._released)

    def _released(self, future: asyncio.Future[bool]) -> None:
        # This also retrieves the error of a lost claim, which no caller needs.
        if not future.cancelled() and future.exception() is None and not future.result():
            self._hooks.released(1, "stop")
