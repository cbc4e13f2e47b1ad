"""What a process that claims keeps running: its lease, its exchange, its ear for work."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from ..cancellation import cancel_and_wait
from ..errors import QueueUnavailableError
from .exchange import Exchange
from .lease import Lease
from .storage.keys import Key, Keys
from .storage.scripts import Scripts
from .wakeup import WAIT_SECONDS, listen_for_work

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from .hooks import QueueHooks
    from .in_flight import InFlight
    from .storage.connection import RedisServers
    from .storage.retention import Retention

__all__ = ["Consumer"]

QUIET_SECONDS = 1.0
"""How long a stop waits for Redis' last answer."""

logger = structlog.stdlib.get_logger(__name__)


class Consumer:
    """Runs them over connections of their own, until ``end``."""

    def __init__(
        self, servers: RedisServers, retention: Retention, name: str, worker_id: str,
        concurrency: int, in_flight: InFlight, lane_concurrency: int, hooks: QueueHooks,
    ) -> None:  # fmt: skip
        # A claim that ran twice would take tasks nobody knows of: no silent retries here.
        self._client = servers.open()
        self._ear = servers.open(answer_timeout_seconds=WAIT_SECONDS + 5)
        self._upkeep = servers.open()
        keys = Keys(name)
        self.lease = Lease(
            Scripts(self._upkeep, name, hooks), retention, hooks, worker_id=worker_id,
            concurrency=concurrency, on_change=self._look, on_renewal=self._reckon,
        )  # fmt: skip
        self.exchange = Exchange(
            self._client, Scripts(self._client, name, hooks), self.lease, retention, hooks,
            in_flight=in_flight, keys=keys, lane_concurrency=lane_concurrency,
        )  # fmt: skip
        self.stopped = False
        jobs: list[Coroutine[None, None, None]] = [
            self.lease.run(),
            self.exchange.run(),
            listen_for_work(self._ear, keys.of(Key.WAKE), self.exchange),
        ]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Tell whoever waits for claims of a task that ended by a bug; none ends by itself."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.exchange.fail(error)
            logger.error("serving.failed", exc_info=error)

    def _look(self) -> None:
        self.exchange.look()

    def _reckon(self, claimed: int) -> None:
        self.exchange.reckon(claimed)

    async def end(self) -> None:
        """Stop, and end the lease; what is still claimed is given back by others."""
        # A claim whose answer is on its way has its tasks given back, not left to the lease.
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                await self.exchange.quiet.wait()
        await cancel_and_wait(self._tasks)
        with suppress(QueueUnavailableError):  # the lease ends by itself
            await self.lease.end()
        for client in (self._client, self._ear, self._upkeep):
            await client.aclose()
