"""The background tasks of a process that claims: its lease, its round trips, its wakeups."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from ...cancellation import cancel_and_wait
from ...errors import QueueUnavailableError
from ..storage.connection import ReconnectBackoff, translated
from ..storage.keys import Key, Keys
from ..storage.scripts import Scripts
from .claim_batcher import ClaimBatcher
from .lease import Lease
from .outbox import Outbox
from .reconcile import Reconciler
from .settle_batcher import SettleBatcher
from .wakeup import WAIT_SECONDS, listen_for_work

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ...sealing import Sealer
    from ..activity import Activity
    from ..hooks import QueueHooks
    from ..storage.connection import RedisServers
    from ..storage.retention import Retention
    from ..storage.scripts import Argument
    from .in_flight import InFlight
    from .settle_batcher import Settlement

__all__ = ["Consumer"]

IDLE_SECONDS = 1.0
"""How long a stop waits for the last reply of Redis."""

logger = structlog.stdlib.get_logger(__name__)


class Consumer:
    """Claims and settles over separate connections, one round trip at a time, until ``end``.

    Settlements that arrive during a round trip are sent with the next one. It also claims: settled
    tasks make room in their lanes, which the claim after them fills at once.
    """

    def __init__(
        self, servers: RedisServers, retention: Retention, name: str, worker_id: str,
        concurrency: int, in_flight: InFlight, lane_concurrency: int, hooks: QueueHooks,
        on_workers: Callable[[int], None], activity: Activity, sealer: Sealer,
    ) -> None:  # fmt: skip
        # No silent retries here: a claim that ran twice would take tasks that nobody knows about.
        self._client = servers.open()
        self._wakeup_client = servers.open(reply_timeout_seconds=WAIT_SECONDS + 5)
        self._lease_client = servers.open()
        keys = Keys(name)
        self._scripts = Scripts(self._client, name, hooks)
        self._work = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while there is no round trip and nothing waits for one."""
        lease_scripts = Scripts(self._lease_client, name, hooks)
        self.outbox = Outbox(self._lease_client, lease_scripts, keys, sealer, activity)
        self.lease = Lease(
            lease_scripts, retention, hooks, worker_id=worker_id,
            concurrency=concurrency, on_change=self._poll_now, on_renewal=self._compare,
            on_workers=on_workers, on_outbox=self.outbox.work.set,
        )  # fmt: skip
        self._reconciler = Reconciler(self._client, keys, in_flight)
        self.settlements = SettleBatcher(in_flight, retention, self._reconciler, work=self._work)
        self.claims = ClaimBatcher(
            self.lease, self.settlements, in_flight, hooks,
            work=self._work, lane_concurrency=lane_concurrency,
        )  # fmt: skip
        self.stopped = False
        jobs: list[Coroutine[None, None, None]] = [
            self.lease.run(),
            self._run(),
            self.outbox.run(),
            listen_for_work(self._wakeup_client, keys.of(Key.WAKE), self.claims),
        ]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Fail the waiting claim if a background task has ended, which only a bug can cause."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.claims.fail(error)
            logger.error("serving.failed", exc_info=error)

    def _poll_now(self) -> None:
        self.claims.poll_now()

    def _compare(self, claimed: int) -> None:
        if self._reconciler.compare(self.lease.id, claimed):
            self.claims.poll_now()

    async def _run(self) -> None:
        """Make round trips until cancelled. Settlements are kept while Redis is away."""
        backoff, failures = ReconnectBackoff(cap=1.0, base=0.02), 0
        while True:
            if not self._work.is_set():
                self.idle.set()
            await self._work.wait()
            self._work.clear()
            self.idle.clear()
            try:
                await self._round_trip()
                failures = 0
            except QueueUnavailableError as error:
                failures += 1
                logger.warning("redis.unavailable", reason=str(error), attempt=failures)
                await asyncio.sleep(backoff.compute(failures))
                self.claims.poll_now()

    async def _round_trip(self) -> None:
        await self.lease.alive.wait()
        lease = self.lease.id
        if self._reconciler.needs_reconcile:
            await self._reconcile(lease)
        batch = self.settlements.next_batch(lease)
        claiming = self.claims.is_due(settling=bool(batch))
        if not batch and not claiming:
            return
        script_loads = self._scripts.script_loads
        try:
            with translated():
                replies = await self._scripts.run_all(self._calls(lease, batch, claiming))
        except QueueUnavailableError:
            self.settlements.resend(batch)
            self._reconciler.needs_reconcile |= claiming
            raise
        if batch:
            await self.settlements.receive(lease, batch, replies[0])
            self.claims.room_made()
        if claiming:
            self.claims.receive(lease, replies.pop(), settled=bool(batch))
        if self._scripts.script_loads != script_loads:
            # The claim may have run before the settlement, and missed what that scheduled.
            self.claims.poll_now()
        if self.settlements.pending:
            self._work.set()

    def _calls(
        self, lease: str, batch: list[Settlement], claiming: bool
    ) -> list[tuple[str, list[Argument]]]:
        calls: list[tuple[str, list[Argument]]] = []
        if batch:
            calls.append(("settle", self.settlements.arguments(lease, batch, claiming=claiming)))
        if claiming:
            ending = [claim for claim, _, _ in batch]
            calls.append(("claim", self.claims.arguments(lease, ending)))
        return calls

    async def _reconcile(self, lease: str) -> None:
        found = await self._reconciler.unknown_claims(lease)
        # A task that was cancelled has no body left to send: its claim is released.
        self.claims.release([claim for claim in found if claim.cancel_requested])
        self.claims.hand_over([claim for claim in found if not claim.cancel_requested])

    async def end(self) -> None:
        """Stop, and end the lease; other workers release what is still claimed."""
        # Wait for the reply to a claim: its tasks are then released now, not after the lease.
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self.idle.wait()
        await cancel_and_wait(self._tasks)
        if self.outbox.work.is_set():
            # Otherwise the outbox waits for the next renewal of another worker.
            with suppress(QueueUnavailableError, TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self.outbox.move_all()
        with suppress(QueueUnavailableError):  # the lease expires in Redis
            await self.lease.end()
        for client in (self._client, self._wakeup_client, self._lease_client):
            await client.aclose()
