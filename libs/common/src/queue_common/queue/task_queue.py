"""The queue: what the API submits to and workers claim from."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import QueueUnavailableError
from .bounds import Bounds
from .connection import answer, open_client, translated
from .exchange import Exchange
from .lease import Lease
from .lookup import Lookup
from .saq_side import SaqSide
from .scripts import Scripts
from .settlement import give_back, settlement
from .submit import Submitter
from .wake import WAIT_SECONDS, listen_for_work

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from ..retry import Decision
    from ..settings import QueueSettings, RedisSettings
    from ..task import Attempt, Task, TaskId, TaskView
    from .claim import Claim

__all__ = ["TaskQueue"]


class TaskQueue(SaqSide):
    """One queue in Redis.

    A client of it may submit and look up as soon as ``connect`` was called; one that also claims
    calls ``start_serving``. Redis may be away at any time: submissions and look-ups then raise
    QueueUnavailableError, claims and settlements wait.
    """

    def __init__(self, redis: RedisSettings, queue: QueueSettings) -> None:
        super().__init__(queue.queue_name)
        self._redis_settings = redis
        self._bounds = Bounds.of(queue)
        self._prefix = f"{{{queue.queue_name}}}:"
        # A submission and a look-up may run twice: a connection that Redis' restart left stale is
        # replaced in silence.
        self._client = open_client(redis, retries=1)
        scripts = Scripts(self._client, queue.queue_name)
        replicas = 1 if queue.durability == "replicated" else 0
        self._submitter = Submitter(self._client, scripts, replicas=replicas)
        self._lookup = Lookup(self._client, self._prefix)
        self._serving: _Serving | None = None

    async def connect(self) -> None:
        """Bind the queue to the running loop; no I/O."""
        await super().connect()

    async def disconnect(self) -> None:
        """End the lease where there is one, and close the connections."""
        await self._submitter.close()
        if self._serving is not None:
            await self._serving.end()
            self._serving = None
        await self._client.aclose()

    async def submit(self, task_id: TaskId, task: Task, *, delay_ms: int = 0) -> bool:
        """Keep a task; it is durable, in Redis' own mode of durability, when this returns.

        True: it is new. False: the same task was there. Raises ConflictError where the id belongs
        to another task, QueueUnavailableError where Redis cannot take it; then it may be submitted
        again under the same id.
        """
        return await self._submitter.submit(
            task_id, task.lane, task.encode(), task.digest(), delay_ms=delay_ms
        )

    async def look_up(self, task_id: TaskId) -> TaskView:
        """Return a task; raises UnknownTaskError and QueueUnavailableError."""
        return await self._lookup.view(task_id)

    async def ping(self) -> None:
        """Return when Redis answers; raises QueueUnavailableError with the reason otherwise."""
        with translated():
            await answer(self._client.ping())

    async def start_serving(self, *, worker_id: str, concurrency: int) -> None:
        """Begin to hold a lease under which this process claims; its end is ``disconnect``.

        ``concurrency`` is what the worker adds to the requests a lane may have in flight.
        """
        if self._serving is None:
            self._serving = _Serving(
                self._redis_settings, self._bounds, self.name, worker_id, concurrency
            )

    async def claim(self, limit: int) -> list[Claim]:
        """Wait until there is work; return 1 to ``limit`` claims, the lanes having their turns.

        Returns none once ``stop_claiming`` was called. One caller at a time.
        """
        serving = self._must_serve()
        return [] if serving.stopped else await serving.exchange.claim(limit)

    def stop_claiming(self) -> None:
        """Claim nothing more; what is held can still be settled."""
        if self._serving is not None:
            self._serving.stopped = True
            self._serving.exchange.stop()

    async def settle(self, claim: Claim, attempt: Attempt, decision: Decision) -> None:
        """Return once Redis has written what ``attempt`` led to; waits while Redis is away.

        Raises LeaseLostError where the claim is no longer this worker's: the task is in other
        hands, and nothing was written.
        """
        arguments = settlement(claim, attempt, decision, self._bounds.result_ttl_ms)
        await self._must_serve().exchange.settle(claim, arguments)

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Put claims back to the front of their lanes; no attempt is counted.

        A claim that is no longer this worker's is left alone.
        """
        exchange = self._must_serve().exchange
        given = [exchange.settle(claim, give_back(claim)) for claim in claims]
        await asyncio.gather(*given, return_exceptions=True)

    @property
    def serving(self) -> bool:
        """Say whether the lease is alive, as of Redis' last answer."""
        return self._serving is not None and self._serving.lease.fresh

    def _must_serve(self) -> _Serving:
        if self._serving is None:
            msg = "start_serving() comes before claims"
            raise RuntimeError(msg)
        return self._serving


class _Serving:
    """What a process that claims keeps running: its lease, its exchange, its ear for work."""

    def __init__(
        self, redis: RedisSettings, bounds: Bounds, name: str, worker_id: str, concurrency: int
    ) -> None:
        # A claim that ran twice would take tasks nobody knows of: no silent retries here.
        self._client = open_client(redis)
        self._ear = open_client(redis, answer_timeout_seconds=WAIT_SECONDS + 5)
        self._upkeep = open_client(redis)
        prefix = f"{{{name}}}:"
        self.lease = Lease(
            Scripts(self._upkeep, name), bounds, worker_id=worker_id, concurrency=concurrency,
            on_change=self._look,
        )  # fmt: skip
        self.exchange = Exchange(
            self._client, Scripts(self._client, name), self.lease, bounds, key_prefix=prefix,
            lane_concurrency=0,
        )  # fmt: skip
        self.stopped = False
        jobs: list[Coroutine[None, None, None]] = [
            self.lease.run(),
            self.exchange.run(),
            listen_for_work(self._ear, f"{prefix}wake", self.exchange),
        ]
        self._tasks = [asyncio.create_task(job) for job in jobs]

    def _look(self) -> None:
        self.exchange.look()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(QueueUnavailableError):  # the lease ends by itself
            await self.lease.end()
        for client in (self._client, self._ear, self._upkeep):
            await client.aclose()
