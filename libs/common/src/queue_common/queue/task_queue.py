"""The queue: the API submits tasks to it, workers claim them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ..retry import Done
from ..sealing import Sealer, open_task, seal_task
from .activity import Activity, Rings
from .admin.lanes import Lanes
from .admin.operations import Operations
from .admin.projects import Projects
from .admin.reader import TaskReader
from .admin.workers import Workers
from .consuming.consumer import Consumer
from .consuming.in_flight import UNBOUNDED, InFlight
from .consuming.outbox import entry_after
from .consuming.settlement import defer_arguments, release_arguments, settle_arguments
from .enqueue_batcher import MAX_WAITING_BYTES, EnqueueBatcher, Stored
from .full_results import FullResults
from .hooks import QueueHooks
from .names import TaskNames
from .storage.connection import RedisServers, ping_primary, translated
from .storage.durability import Durability, inspect_durability
from .storage.keys import Keys
from .storage.reply_deadline import reply_within
from .storage.retention import Retention, milliseconds
from .storage.scripts import Scripts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ..retry import Decision
    from ..settings import QueueSettings, RedisSettings
    from ..task import Attempt, Task, TaskId, TaskView
    from .claim import Claim

__all__ = ["TaskQueue"]


class TaskQueue:
    """One queue in Redis.

    It can submit and look up tasks at once. A process that also claims calls ``start_consuming``
    first. While Redis is away, submissions and look-ups raise QueueUnavailableError, and claims and
    settlements wait.
    """

    def __init__(
        self, redis: RedisSettings, queue: QueueSettings, hooks: QueueHooks | None = None,
        *, max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:  # fmt: skip
        """Refuse submissions while more than ``max_waiting_bytes`` of them wait for Redis."""
        self.name = queue.queue_name
        self._hooks = hooks or QueueHooks()
        self._servers = RedisServers(redis)
        self._retention = Retention.of(queue)
        self.keys = Keys(queue.queue_name)
        # Submissions and look-ups may run twice, so a connection that a restart of Redis has broken
        # is replaced and the command sent again.
        self.client = self._servers.open(retries=1)
        """Connections for submissions and look-ups."""
        self._scripts = scripts = Scripts(self.client, queue.queue_name, self._hooks)
        replicas = 1 if queue.durability == "replicated" else 0
        self.activity = Activity(scripts)
        """Counts the activity of this process for the common stats."""
        self.rings = Rings(self.client, self.keys)
        """The stats of all processes over time."""
        self._enqueue_batcher = EnqueueBatcher(
            scripts, self._hooks, self.activity, replicas=replicas,
            max_waiting_bytes=max_waiting_bytes,
            max_backlog=queue.max_backlog, max_lane_backlog=queue.max_lane_backlog,
        )  # fmt: skip
        self._names = TaskNames(queue)
        self.sealer = Sealer(queue.sealing_keys())
        """Encrypts what Redis must not read of tasks."""
        self.reader = TaskReader(self.client, scripts, self.keys, self.sealer)
        """Pages and counts of tasks."""
        self.operations = Operations(
            scripts, self.reader, result_ttl_ms=self._retention.result_ttl_ms
        )
        """Cancel, run now, requeue, purge, pause and resume."""
        self.lanes = Lanes(scripts)
        """Lanes and their limits."""
        self.workers = Workers(scripts)
        """The workers that have a lease."""
        self.projects = Projects(scripts)
        """Weights, limits and use of projects."""
        self._lane_concurrency = queue.lane_concurrency
        self._in_flight = InFlight()
        self.full_results = FullResults(
            milliseconds(queue.result_full_ttl), queue.result_full_max_bytes
        )
        """Decides which delivered tasks this process keeps in full."""
        self._consumer: Consumer | None = None

    async def disconnect(self) -> None:
        """End the lease, if there is one, and close the connections."""
        await self._enqueue_batcher.close()
        if self._consumer is not None:
            await self._consumer.end()
            self._consumer = None
        await self.activity.close()
        await self.client.aclose()

    async def submit(self, task_id: TaskId, task: Task, *, delay_ms: int = 0) -> bool:
        """Store a task. When this returns, it is as durable as Redis' configuration makes it.

        It is due after ``delay_ms``, or after the delay in its options.
        Returns True for a new task, False if the same task was there, or another one with the same
        idempotency key and content. Raises ConflictError if the id belongs to another task,
        LimitError if a limit is reached, and QueueUnavailableError if Redis cannot store it;
        submitting it again under the same id is safe.
        """
        return await self.submission(task_id, task, delay_ms=delay_ms) is True

    def submission(
        self, task_id: TaskId, task: Task, *, delay_ms: int = 0
    ) -> asyncio.Future[Stored]:
        """Return the future that ``submit`` awaits, for callers outside of an asyncio task."""
        name = ""
        if task.options is not None:
            delay_ms = delay_ms or task.options.delay_ms
            if task.options.idempotency_key is not None:
                name = self._names.name(task.lane, task.options.idempotency_key)
        digest = task.digest()
        if self.sealer.seals:
            task = seal_task(self.sealer, task_id, task)
        return self._enqueue_batcher.submit(
            task_id, task.lane, task.encode(), digest, delay_ms=delay_ms, name=name
        )

    def opened(self, claim: Claim) -> Claim:
        """Return a claim whose task is as it was sent; raises UnreadableRecordError.

        It is for making the request. What is settled is the claim as it came.
        """
        if claim.task is None or claim.task.sealed is None:
            return claim
        task = open_task(self.sealer, claim.task_id, claim.task)
        return msgspec.structs.replace(claim, task=task)

    async def submit_payload(
        self, task_id: TaskId, lane: str, payload: bytes, digest: bytes, *, delay_ms: int = 0
    ) -> bool:
        """Store a payload that is not a ``Task``, as ``submit`` does.

        If ``digest`` is 8 zero bytes, the id of a settled task may be used again.
        """
        stored = self._enqueue_batcher.submit(task_id, lane, payload, digest, delay_ms=delay_ms)
        return await stored is True

    async def update_payload(
        self, task_id: str, payload: bytes, *, claim: Claim | None = None
    ) -> bool:
        """Replace the payload of a waiting task, or of the task of ``claim``.

        Returns False if the task is not waiting, or not claimed by ``claim`` any more. The new
        payload has no digest.
        """
        lease = claim.lease if claim else ""
        with translated():
            return bool(await self._scripts.run("update", lease, task_id, payload))

    async def get_task(self, task_id: TaskId) -> TaskView:
        """Return a task; raises UnknownTaskError and QueueUnavailableError."""
        return await self.reader.get_task(task_id)

    async def ping(self) -> None:
        """Return if a primary replies; raises QueueUnavailableError otherwise."""
        async with reply_within():
            await ping_primary(self.client)

    async def durability(self) -> Durability:
        """Return how durably Redis stores accepted tasks; raises QueueUnavailableError."""
        async with reply_within():
            return await inspect_durability(self.client)

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
                self.sealer,
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
    def redis_servers(self) -> Collection[tuple[str, int]]:
        """Host and port of each primary and replica that the Sentinels have named so far."""
        return self._servers.found

    @property
    def serving(self) -> bool:
        """Whether the lease is alive, by Redis' last reply."""
        return self._consumer is not None and self._consumer.lease.fresh

    def _started_consumer(self) -> Consumer:
        if self._consumer is None:
            msg = "call start_consuming() before claiming"
            raise RuntimeError(msg)
        return self._consumer
