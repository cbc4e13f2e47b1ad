"""A worker's lease, and the reaper of leases that have ended."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
import uuid_utils

from ...errors import QueueUnavailableError
from ...task import Attempt, Outcome
from ..storage.connection import ReconnectBackoff, translated
from ..storage.record import pack_attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hooks import QueueHooks
    from ..storage.retention import Retention
    from ..storage.scripts import Scripts

__all__ = ["Lease"]

LEASE_SECONDS = 15.0
RENEWAL_SECONDS = 5.0
"""Two renewals may fail before the lease ends."""
REAP_GRACE_SECONDS = 3.0
"""After an outage of Redis all leases look expired: workers get this time to renew theirs."""
REAP_BATCH_SIZE = 500
POISON_AT = 3
"""A task is poison if so many workers in a row died under it, the last with no other task."""

logger = structlog.stdlib.get_logger(__name__)


class Lease:
    """Keeps the lease of one worker alive, and reaps those of others that have ended."""

    def __init__(
        self, scripts: Scripts, retention: Retention, hooks: QueueHooks, *,
        worker_id: str, concurrency: int, on_change: Callable[[], None],
        on_renewal: Callable[[int], None], on_workers: Callable[[int], None],
        on_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        """Call ``on_change`` after a new lease, ``on_renewal`` with the lease's claims in Redis.

        Call ``on_workers`` with the number of live workers (0: Redis is short of memory), and
        ``on_outbox`` if the outbox is not empty.
        """
        self._scripts = scripts
        self._retention = retention
        self._hooks = hooks
        self._worker_id = worker_id
        self._concurrency = concurrency
        self._on_change = on_change
        self._on_renewal = on_renewal
        self._on_workers = on_workers
        self._on_outbox = on_outbox
        self._backoff = ReconnectBackoff(cap=1.0, base=0.05)
        self._renewed_at = -LEASE_SECONDS
        self._reap_not_before = 0.0
        self._lost = asyncio.Event()
        self.id = self._new_id()
        self.alive = asyncio.Event()
        """Set while Redis knows the lease."""

    def _new_id(self) -> str:
        # A worker may have several leases in its life. A new one must not settle old claims.
        return f"{self._worker_id}/{uuid_utils.uuid7()}"

    @property
    def fresh(self) -> bool:
        """Whether Redis has confirmed the lease within the last 15 s."""
        return self.alive.is_set() and time.monotonic() - self._renewed_at < LEASE_SECONDS

    def lose(self, lease_id: str) -> None:
        """Take a new lease if ``lease_id``, which Redis no longer knows, is the current one."""
        if lease_id == self.id and self.alive.is_set():
            logger.warning("lease.lost", lease=lease_id)
            self.alive.clear()
            self.id = self._new_id()
            self._lost.set()

    async def run(self) -> None:
        """Hold the lease until cancelled. Retries without limit while Redis is away."""
        failures = 0
        self._reap_not_before = time.monotonic() + REAP_GRACE_SECONDS / 2
        while True:
            try:
                pause = await self._step()
                failures = 0
            except QueueUnavailableError as error:
                failures += 1
                self._reap_not_before = time.monotonic() + REAP_GRACE_SECONDS
                pause = self._backoff.compute(failures)
                logger.warning("redis.unavailable", reason=str(error), attempt=failures)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), pause)
            self._lost.clear()

    async def _step(self) -> float:
        """Register or renew, then reap if a lease has ended; return the pause in seconds."""
        if not self.alive.is_set():
            await self._register()
        pause = await self._renew()
        if not self.alive.is_set():
            return 0.0
        grace = self._reap_not_before - time.monotonic()
        if pause <= 0 and grace > 0:
            return min(grace, RENEWAL_SECONDS)
        if pause <= 0:
            return 0.0 if await self._reap() else 0.01
        return min(pause, RENEWAL_SECONDS)

    async def _register(self) -> None:
        with translated():
            while await self._scripts.run(
                "register", self.id, int(LEASE_SECONDS * 1000), self._concurrency
            ):
                pass
        self._renewed_at = time.monotonic()
        self.alive.set()
        self._on_change()

    async def _renew(self) -> float:
        retention = self._retention
        lease_id = self.id
        with translated():
            renewed, first_end_ms, claimed, workers, outbox = await self._scripts.run(
                "renew", lease_id, int(LEASE_SECONDS * 1000), retention.result_max,
                retention.dead_ttl_ms, retention.dead_max, retention.result_max_bytes,
                retention.dead_max_bytes,
            )  # fmt: skip
        if not renewed:
            self.lose(lease_id)
            return 0.0
        self._renewed_at = time.monotonic()
        self._on_renewal(int(claimed))
        self._on_workers(int(workers))
        if outbox:
            self._on_outbox()
        return float(first_end_ms) / 1000

    async def _reap(self) -> bool:
        """Release one batch of claims of ended leases; return whether there are more."""
        with translated():
            ended, released, poisoned, more = await self._scripts.run(
                "reap", REAP_BATCH_SIZE, POISON_AT, _poison_attempt(),
                self._retention.result_ttl_ms, self._retention.dead_ttl_ms,
            )  # fmt: skip
        self._hooks.released(released, "lease_ended")
        if poisoned:
            self._on_outbox()
        if ended or released or poisoned:
            logger.warning("lease.reaped", ended=ended, given_back=released, poisoned=poisoned)
        return bool(more)

    async def end(self) -> None:
        """End the lease in Redis. If Redis is away, the lease expires there."""
        if self.alive.is_set():
            self.alive.clear()
            with translated():
                await self._scripts.run("end_lease", self.id)


def _poison_attempt() -> bytes:
    error = f"poison: {POISON_AT} or more workers died under it, the last with no other task"
    return pack_attempt(Attempt(0, round(time.time() * 1000), 0.0, Outcome.POISON, error=error))
