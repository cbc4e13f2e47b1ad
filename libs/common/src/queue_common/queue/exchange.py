"""A worker's conversation with Redis: its claims and settlements share round trips.

While one round trip is under way the next gathers what is to be settled, and asks for work in the
same breath: settled tasks make room in their lanes, which the claim behind them fills at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import structlog

from ..errors import LeaseLostError, QueueUnavailableError
from .claim import Claim, claims_from
from .reconcile import lease_lives, unknown_claims
from .settlement import release
from .storage.connection import ReconnectBackoff, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .hooks import QueueHooks
    from .in_flight import InFlight
    from .lease import Lease
    from .storage.keys import Keys
    from .storage.retention import Retention
    from .storage.scripts import Argument, Scripts

__all__ = ["Exchange"]

SETTLEMENTS_A_CALL = 200
CLAIMS_A_CALL = 100
"""A worker that takes more at once would leave other idle workers without."""

LOST, CANCELLED_INSTEAD = 0, 2
"""What ``settle.lua`` answers for a claim that is not ours any more, and for a cancelled task."""
LEASE_ENDED, NO_ROOM = -2, -3
"""What ``claim.lua`` returns to a lease that Redis does not know any more, and to a worker that
gets nothing more before a claim of its own ends."""
NO_ROOM_SECONDS = 30.0
"""A worker without room looks again after this time, in case that none of its claims ends."""

logger = structlog.stdlib.get_logger(__name__)

_Settlement = tuple[Claim, tuple["Argument", ...], "asyncio.Future[bool]"]


class Exchange:
    """Claims and settles over one connection; one round trip at a time."""

    def __init__(
        self, client: Redis, scripts: Scripts, lease: Lease, retention: Retention,
        hooks: QueueHooks, *, in_flight: InFlight, keys: Keys, lane_concurrency: int,
    ) -> None:  # fmt: skip
        self._client = client
        self._scripts = scripts
        self._lease = lease
        self._retention = retention
        self._hooks = hooks
        self._keys = keys
        self._lane_concurrency = lane_concurrency
        self._settling: deque[_Settlement] = deque()
        self._in_flight = in_flight
        self._resent: set[str] = set()
        """Tasks whose settlement was sent on a connection that broke."""
        self._unsure = False
        """Redis may hold claims for us that we do not know of."""
        self._asked: asyncio.Future[list[Claim]] | None = None
        self._wanted = 0
        self._look = False
        self._no_room = False
        """The waiting claim gets nothing before something is settled."""
        self._timer: asyncio.TimerHandle | None = None
        self._work = asyncio.Event()
        self.hungry = asyncio.Event()
        """Set while the worker waits for tasks."""
        self.quiet = asyncio.Event()
        """Set while no round trip is under way and nothing waits for one."""

    async def claim(self, limit: int) -> list[Claim]:
        """Wait until there is work; return 1 to ``limit`` claims, or none after ``stop``."""
        asked: asyncio.Future[list[Claim]] = asyncio.get_running_loop().create_future()
        self._asked, self._wanted, self._no_room = asked, limit, False
        self.hungry.set()
        self.look()
        try:
            return await asked
        except asyncio.CancelledError:
            if asked.done() and not asked.cancelled():
                self._return_unasked(asked.result())
            raise
        finally:
            self._asked = None
            self.hungry.clear()

    def fail(self, error: BaseException) -> None:
        """Let the waiting claim raise: nobody would answer it any more."""
        if (waiting := self._waiting()) is not None:
            waiting.set_exception(error)

    def stop(self) -> None:
        """Let the waiting claim return with nothing."""
        if (waiting := self._waiting()) is not None:
            waiting.set_result([])

    def settle(self, claim: Claim, arguments: tuple[Argument, ...]) -> asyncio.Future[bool]:
        """Return what is done once Redis has written the settlement, or fails with LeaseLostError.

        True: a client had taken the task back meanwhile, and it is cancelled instead.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._settling.append((claim, arguments, future))
        self._work.set()
        return future

    def look(self) -> None:
        """Ask for work with the next round trip, which is due now: something may have come."""
        self._look = True
        self._work.set()

    def reckon(self, claimed: int) -> None:
        """Compare what Redis counts as claimed with what is held here.

        A stalled network may deliver a claim after its caller has given it up: nobody knows of what
        it took, and the lease would stand behind it for ever.
        """
        if claimed > self._in_flight.count(self._lease.id):
            self._unsure = True
            self.look()

    async def run(self) -> None:
        """Talk until cancelled; while Redis is away nothing is forgotten."""
        backoff, failures = ReconnectBackoff(cap=1.0, base=0.02), 0
        while True:
            if not self._work.is_set():
                self.quiet.set()
            await self._work.wait()
            self._work.clear()
            self.quiet.clear()
            try:
                await self._round_trip()
                failures = 0
            except QueueUnavailableError as error:
                failures += 1
                logger.warning("redis.unavailable", reason=str(error), attempt=failures)
                await asyncio.sleep(backoff.compute(failures))
                self.look()

    async def _round_trip(self) -> None:
        await self._lease.alive.wait()
        lease = self._lease.id
        if self._unsure:
            await self._find_unknown_claims(lease)
        batch = self._next_batch(lease)
        claiming = self._waiting() is not None and (self._look or bool(batch))
        if not batch and not claiming:
            return
        script_loads = self._scripts.script_loads
        try:
            with translated():
                replies = await self._scripts.run_all(self._calls(lease, batch, claiming))
        except QueueUnavailableError:
            self._settling.extendleft(reversed(batch))
            self._resent.update(claim.task_id for claim, _, _ in batch)
            self._unsure = self._unsure or claiming
            raise
        if batch:
            await self._settled(lease, batch, replies[0])
        if claiming:
            self._claimed(lease, replies.pop(), settled=bool(batch))
        if self._scripts.script_loads != script_loads:
            # The claim may have run before the settlement, and missed what that scheduled.
            self.look()
        if self._settling:
            self._work.set()

    def _waiting(self) -> asyncio.Future[list[Claim]] | None:
        """Return the claim that waits for its answer, if one does."""
        return self._asked if self._asked is not None and not self._asked.done() else None

    def _next_batch(self, lease: str) -> list[_Settlement]:
        """Take what can be settled under the lease; what an older lease held is lost."""
        batch: list[_Settlement] = []
        while self._settling and len(batch) < SETTLEMENTS_A_CALL:
            claim, arguments, future = self._settling.popleft()
            if claim.lease == lease:
                batch.append((claim, arguments, future))
            else:
                self._end(claim, future, LOST)
        return batch

    def _calls(
        self, lease: str, batch: list[_Settlement], claiming: bool
    ) -> list[tuple[str, list[Argument]]]:
        calls: list[tuple[str, list[Argument]]] = []
        if batch:
            retention = self._retention
            settle: list[Argument] = [
                lease, retention.result_ttl_ms, retention.result_max, retention.dead_ttl_ms,
                retention.dead_max, int(claiming),
            ]  # fmt: skip
            for _, arguments, _ in batch:
                settle.extend(arguments)
            calls.append(("settle", settle))
        if claiming:
            self._look = False
            wanted = min(self._wanted, CLAIMS_A_CALL)
            room = self._in_flight.room(ending=[claim for claim, _, _ in batch])
            calls.append(("claim", [lease, wanted, self._lane_concurrency, *room]))
        return calls

    async def _settled(self, lease: str, batch: list[_Settlement], results: list[int]) -> None:
        if self._resent and not all(results) and await lease_lives(self._client, self._keys, lease):
            # A claim goes from a living lease by its settlement alone: the first one was written,
            # and its answer lost.
            results = [
                result or int(claim.task_id in self._resent)
                for (claim, _, _), result in zip(batch, results, strict=True)
            ]
        for (claim, _, future), result in zip(batch, results, strict=True):
            self._end(claim, future, result)
        if self._no_room and self._waiting() is not None:
            self._no_room = False
            self.hungry.set()
            self.look()

    def _end(self, claim: Claim, future: asyncio.Future[bool], result: int) -> None:
        self._in_flight.remove(claim)
        self._resent.discard(claim.task_id)
        if future.done():
            return
        if result != LOST:
            future.set_result(result == CANCELLED_INSTEAD)
        else:
            msg = f"task {claim.task_id}: the claim is no longer this worker's"
            future.set_exception(LeaseLostError(msg))

    def _claimed(self, lease: str, reply: list[Any], *, settled: bool) -> None:
        look_again_ms = int(reply.pop(0))
        if look_again_ms == LEASE_ENDED:
            self._lease.lose(lease)
            self.look()
            return
        proven = int(reply.pop(0))
        self._hand_over(claims_from(lease, reply, proven))
        # What was settled with this very claim has made room that it did not know of.
        if look_again_ms == 0 or (look_again_ms == NO_ROOM and settled):
            self.look()
        elif look_again_ms == NO_ROOM and self._waiting() is not None:
            self._no_room = True
            # A token that comes now is for a worker that has room.
            self.hungry.clear()
            self._look_in(NO_ROOM_SECONDS)
        elif look_again_ms > 0:
            self._look_in(look_again_ms / 1000)

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.look)

    def _hand_over(self, claims: list[Claim]) -> None:
        self._in_flight.add(claims)
        waiting = self._waiting()
        if claims and waiting is not None:
            self._hooks.claimed(len(claims))
            waiting.set_result(claims)
        else:
            self._return_unasked(claims)

    def _return_unasked(self, claims: list[Claim]) -> None:
        """Give back what came when nobody waited for it any more."""
        for claim in claims:
            self.settle(claim, release(claim)).add_done_callback(self._returned)

    def _returned(self, future: asyncio.Future[bool]) -> None:
        # A lost claim's error is taken too: it concerns nobody here.
        if not future.cancelled() and future.exception() is None and not future.result():
            self._hooks.released(1, "stop")

    async def _find_unknown_claims(self, lease: str) -> None:
        """Find what a claim took whose answer was lost on its way: Redis knows, we do not."""
        claims = await unknown_claims(self._client, self._keys, lease, self._in_flight)
        self._unsure = False
        # What was taken back meanwhile has no body left to send: its claim just ends.
        self._return_unasked([c for c in claims if c.cancel_requested])
        self._hand_over([c for c in claims if not c.cancel_requested])
