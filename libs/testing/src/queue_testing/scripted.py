"""A queue without background tasks: each call runs exactly one script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_common.lanes import PROJECT_SEPARATOR, split_lane
from queue_common.queue.admin.lanes import Lanes
from queue_common.queue.admin.operations import Operations
from queue_common.queue.admin.projects import Projects
from queue_common.queue.admin.reader import TaskReader
from queue_common.queue.admin.stats import QueueSnapshot, QueueStats
from queue_common.queue.claim import Claim, claims_from
from queue_common.queue.consuming.in_flight import UNBOUNDED
from queue_common.queue.consuming.outbox import entry_after
from queue_common.queue.consuming.settlement import (
    defer_arguments,
    release_arguments,
    settle_arguments,
)
from queue_common.queue.hooks import QueueHooks
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key, Keys
from queue_common.queue.storage.record import SINCE_AT, pack_attempt, queued_record
from queue_common.queue.storage.retention import BY_MAXMEMORY, Retention
from queue_common.queue.storage.scripts import Scripts
from queue_common.sealing import Sealer
from queue_common.task import Attempt, Outcome, Task

from .inspector import QueueInspector
from .tasks import a_task, an_attempt, now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from queue_common.queue.storage.scripts import Argument
    from queue_common.retry import Decision
    from queue_common.task import TaskId

__all__ = ["ScriptedQueue"]

DAY_MS = 24 * 3600 * 1000
LEASE_MS = 3600 * 1000
"""Leases only end by a call of the test."""


class ScriptedQueue:
    """Moves tasks as the API and workers do, one step at a time, with times set by the test."""

    def __init__(
        self, client: Redis, name: str, *, result_ttl_ms: int = DAY_MS, result_max: int = 1000,
        dead_ttl_ms: int = DAY_MS, dead_max: int = 1000, lane_concurrency: int = 0,
        result_max_bytes: int = BY_MAXMEMORY, dead_max_bytes: int = BY_MAXMEMORY,
    ) -> None:  # fmt: skip
        self._client = client
        self.raw = client
        """Direct access to the queue's keys."""
        self.keys = Keys(name)
        self._retention = Retention(
            result_ttl_ms, result_max, dead_ttl_ms, dead_max, result_max_bytes, dead_max_bytes
        )
        self._lane_concurrency = lane_concurrency
        self.scripts = Scripts(client, name)
        self.reader = TaskReader(client, self.scripts, self.keys, Sealer({}))
        self.operations = Operations(self.scripts, self.reader, result_ttl_ms=result_ttl_ms)
        self.inspector = QueueInspector(client, name)
        self.stats = QueueStats(client, name, QueueHooks())
        self.lanes = Lanes(self.scripts)
        self.projects = Projects(self.scripts)
        self.backlogs = (0, 0)
        """MAX_BACKLOG and MAX_LANE_BACKLOG."""
        self.poll_again_ms = -1
        """The pause until the next poll, by the last claim."""

    def key(self, name: str) -> str:
        """Return the full name of one of the queue's keys."""
        return self.keys.prefix + name

    async def submit(self, task_id: str, task: Task | None = None, *, delay_ms: int = 0) -> int:
        """Return 1 for a new task, 0 for a known one, -1 for a conflict."""
        (result,) = await self.submit_all([(task_id, task or a_task())], delay_ms=delay_ms)
        return result

    async def submit_all(
        self, tasks: Sequence[tuple[str, Task]], *, delay_ms: int = 0
    ) -> list[int]:
        """Submit tasks with one script call."""
        arguments: list[Argument] = [*self.backlogs]
        for task_id, task in tasks:
            record = queued_record(task.lane, task.encode(), task.digest())
            arguments += [task_id, task.lane, delay_ms, record]
        results: list[int] = await self.scripts.run("enqueue", *arguments)
        return results

    async def register(self, lease: str, slots: int = 10) -> None:
        """Take a lease that lasts until ``end_lease`` or ``expire``."""
        while await self.scripts.run("register", lease, LEASE_MS, slots):
            pass

    async def claim(
        self, lease: str, wanted: int = 10, *, free: int = -1, idle: bool = True,
        on_trial: int = UNBOUNDED, max_tasks: int = 1000, suspects: int = 0,
        max_on_trial: int = UNBOUNDED, held: dict[str, tuple[int, int]] | None = None,
    ) -> list[Claim]:  # fmt: skip
        """Claim at most ``wanted`` tasks of ``free`` bytes; ``idle``: nothing is in flight.

        At most ``on_trial`` of them are of lanes that are not proven. The worker holds at most
        ``max_tasks``, and now ``suspects``; max ``max_on_trial`` of lanes that are not proven, and
        now of each project in ``held`` so many tasks, and so many on trial.
        """
        of_projects = [(name, *numbers) for name, numbers in (held or {}).items()]
        reply = await self.scripts.run(
            "claim",
            lease,
            wanted,
            self._lane_concurrency,
            free,
            int(idle),
            on_trial,
            max_tasks,
            suspects,
            max_on_trial,
            *(part for project in of_projects for part in project),
        )
        self.poll_again_ms = int(reply[0])
        return claims_from(lease, reply[2:], int(reply[1]))

    async def settle(
        self, claim: Claim, decision: Decision, attempt: Attempt | None = None,
        *, claiming: bool = False,
    ) -> bool:  # fmt: skip
        """Settle as decided; False if the claim no longer belongs to its lease."""
        made = attempt or an_attempt(number=claim.attempt)
        arguments = settle_arguments(
            claim, made, decision, self._retention.result_ttl_ms,
            follows=entry_after(claim, made, decision, Sealer({})),
        )  # fmt: skip
        return any(await self.settle_as(claim.lease, *arguments, claiming=claiming))

    async def release(self, claim: Claim) -> bool:
        """Put a claim back at the front of its lane."""
        return any(await self.settle_as(claim.lease, *release_arguments(claim)))

    async def defer(self, claim: Claim) -> bool:
        """Release a claim whose address hangs; its lane then rests."""
        return any(await self.settle_as(claim.lease, *defer_arguments(claim)))

    async def health(self, lane: str) -> str:
        """Return an unhealthy lane's level, room, and time of the next probe."""
        kept: bytes | str | None = await reply(self._client.hget(self.keys.of(Key.UNHEALTHY), lane))
        return kept.decode() if isinstance(kept, bytes) else kept or ""

    async def end_pause(self, lane: str, probe_at: int = 1) -> None:
        """Make an unhealthy lane's next probe due, or set its time to ``probe_at``."""
        level, room, _ = (await self.health(lane)).split()
        await reply(
            self._client.hset(self.keys.of(Key.UNHEALTHY), lane, f"{level} {room} {probe_at}")
        )
        await self._client.zadd(self.keys.of(Key.RESTING), {lane: probe_at}, xx=True)
        project, _ = split_lane(lane)
        await self._client.zadd(self.keys.of(Key.RESTING_OF, project), {lane: probe_at}, xx=True)
        # A worker that comes too early corrects it.
        await self._client.zadd(self.keys.of(Key.READY_RESTING), {project: probe_at}, xx=True)

    async def slow(self, lane: str, ms: int) -> None:
        """Let a lane have no token for a time, as if its destination had asked for that."""
        await self._client.zadd(self.keys.of(Key.PACE), {lane: (now_ms() + ms) * 1000})
        await self._client.zadd(self.keys.of(Key.THROTTLED), {lane: now_ms() + ms}, xx=True)
        await reply(self._client.hset(self.keys.of(Key.COUNTERS), "paced", "1"))

    async def settle_as(
        self, lease: str, *arguments: Argument, claiming: bool = False
    ) -> list[int]:
        """End claims by the arguments of ``queue.settlement``; return what the script does."""
        retention = self._retention
        results: list[int] = await self.scripts.run(
            "settle", lease, retention.result_ttl_ms, retention.result_max, retention.dead_ttl_ms,
            retention.dead_max, int(claiming), *arguments,
        )  # fmt: skip
        return results

    async def renew(self, lease: str) -> bool:
        """Renew a lease; False if it has ended."""
        retention = self._retention
        renewed, *_ = await self.scripts.run(
            "renew", lease, LEASE_MS, retention.result_max, retention.dead_ttl_ms,
            retention.dead_max, retention.result_max_bytes, retention.dead_max_bytes,
        )  # fmt: skip
        return bool(renewed)

    async def end_lease(self, lease: str) -> None:
        """End a lease, as a stopping worker does."""
        await self.scripts.run("end_lease", lease)

    async def expire(self, lease: str) -> None:
        """Make a lease expire, as if its worker were dead."""
        await self._client.zadd(self.keys.of(Key.WORKERS), {lease: 1}, xx=True)

    async def reap(self, max_tasks: int = 500, *, until_done: bool = True) -> int:
        """Release the claims of ended leases; return how many tasks became dead letters."""
        last_attempt = pack_attempt(Attempt(0, now_ms(), 0.0, Outcome.POISON, error="poison"))
        poisoned = 0
        while True:
            _, _, dead, more = await self.scripts.run(
                "reap",
                max_tasks,
                3,
                last_attempt,
                self._retention.result_ttl_ms,
                self._retention.dead_ttl_ms,
            )
            poisoned += int(dead)
            if not more or not until_done:
                return poisoned

    async def snapshot(self) -> QueueSnapshot:
        """Scan all lanes now, out of turn, and return the stats."""
        await self._client.delete(self.keys.of(Key.STATS_TURN))
        await self.stats.scan_lanes()
        return await self.stats.read()

    async def make_due(self, task_id: TaskId | str, lane: str) -> None:
        """Make a scheduled task due."""
        record = self.keys.of(Key.RECORD, task_id)
        await reply(self._client.setrange(record, SINCE_AT, (1).to_bytes(8, "big")))
        await self._client.zadd(self.keys.of(Key.SCHEDULED, lane), {task_id: 1}, xx=True)
        await self._client.zadd(self.keys.of(Key.DUE), {lane: 1})
        await reply(self._client.hset(self.keys.of(Key.COUNTERS), "watch_at", "0"))

    async def forget_dead_groups(self) -> None:
        """Make dead letters look as the previous release wrote them: in no group."""
        members: list[bytes] = await reply(self._client.hvals(self.keys.of(Key.DEAD_GROUP_OF)))
        groups = {member.decode() for member in members}
        lanes = {group.rsplit("\n", 2)[0] for group in groups}
        projects = {split_lane(lane)[0] + PROJECT_SEPARATOR for lane in lanes}
        await self._client.delete(
            self.keys.of(Key.DEAD_GROUP_OF),
            *(self.keys.of(Key.DEAD_GROUP, group) for group in groups),
            *(self.keys.of(Key.DEAD_GROUPS, scope) for scope in ("", *lanes, *projects)),
        )
