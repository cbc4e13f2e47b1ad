"""The queue: the API submits tasks to it, workers claim them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ..sealing import Sealer, open_task, seal_task
from .activity import Activity, EventHub, Rings
from .admin.bulk import OperationStore
from .admin.lanes import Lanes
from .admin.operations import Operations
from .admin.projects import Projects
from .admin.reader import TaskReader
from .admin.workers import Workers
from .consuming.in_flight import InFlight
from .consuming.listeners import Listeners
from .consuming.worker_side import Consuming
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
    from collections.abc import Collection

    from ..settings import QueueSettings, RedisSettings
    from ..task import Task, TaskId, TaskView
    from .claim import Claim

__all__ = ["TaskQueue"]

EVENT_REPLY_SECONDS = 10.0
"""A reader of events waits up to 2 s for the next."""


class TaskQueue(Consuming):
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
            scripts, self.reader, result_ttl_ms=self._retention.result_ttl_ms,
            events=self.activity.events,
        )  # fmt: skip
        """Cancel, run now, requeue, purge, pause and resume."""
        self.lanes = Lanes(scripts)
        """Lanes and their limits."""
        self.workers = Workers(scripts)
        """The workers that have a lease."""
        self.bulk = OperationStore(self.client, scripts, self.keys)
        """Operations on many tasks."""
        self.event_hub = EventHub(
            lambda: self._servers.open(reply_timeout_seconds=EVENT_REPLY_SECONDS), scripts,
            self.keys, self.activity.events.look_again,
        )  # fmt: skip
        """Events of all processes, for those who watch in this one."""
        self.projects = Projects(scripts)
        """Weights, limits and use of projects."""
        self.listeners = Listeners(
            self.client, scripts, self.keys, self._retention, self.activity, self.sealer
        )
        """Lanes that clients serve in the workers' place."""
        self._lane_concurrency = queue.lane_concurrency
        self._in_flight = InFlight()
        self.full_results = FullResults(
            milliseconds(queue.result_full_ttl), queue.result_full_max_bytes
        )
        """Decides which delivered tasks this process keeps in full."""
        self._consumer = None

    async def disconnect(self) -> None:
        """End the lease, if there is one, and close the connections."""
        await self._enqueue_batcher.close()
        if self._consumer is not None:
            await self._consumer.end()
            self._consumer = None
        await self.event_hub.close()
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

    @property
    def redis_servers(self) -> Collection[tuple[str, int]]:
        """Host and port of each primary and replica that the Sentinels have named so far."""
        return self._servers.found
