"""Accepted means durable: ``submit`` never says so where Redis has not kept the task."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio

from queue_common.errors import QueueUnavailableError
from queue_common.queue import Durability, TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import State, TaskId, new_task_id
from queue_testing import RedisServer, wait_until
from queue_testing.network.proxy import CuttingProxy
from queue_testing.tasks import a_task

Opener = Callable[..., TaskQueue]
Starter = Callable[..., RedisServer]

SYNCS_AT_ONCE = ("--repl-diskless-sync-delay", "0")


@pytest.fixture
async def open_on() -> AsyncIterator[Opener]:
    """Opens a queue on a server."""
    opened: list[TaskQueue] = []

    def open_one(server: RedisServer | CuttingProxy, durability: str = "local") -> TaskQueue:
        settings = QueueSettings.model_validate({"queue_name": "own", "durability": durability})
        opened.append(TaskQueue(RedisSettings(redis_addr=server.address), settings))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.disconnect()


async def _state(queue: TaskQueue, task_id: TaskId) -> State:
    return (await queue.get_task(task_id)).state


async def test_accepted_task_survives_the_servers_death(
    start_server: Starter, open_on: Opener
) -> None:
    """With ``appendfsync always`` a task is there after a SIGKILL right behind its acceptance."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    queue = open_on(server)
    now, later = new_task_id(), new_task_id()
    await queue.submit(now, a_task())
    await queue.submit(later, a_task(), delay_ms=60_000)
    server.kill()
    server.start()

    assert await _state(queue, now) is State.QUEUED
    assert await _state(queue, later) is State.SCHEDULED


async def test_every_move_survives_the_servers_death(
    start_server: Starter, open_on: Opener
) -> None:
    """What was claimed and settled is so after a SIGKILL: scripts are written as a whole."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    queue = open_on(server)
    await queue.start_consuming(worker_id="worker", concurrency=1)
    held, waiting = new_task_id(), new_task_id()
    await queue.submit(held, a_task())
    await queue.claim(1)
    await queue.submit(waiting, a_task())
    server.kill()
    server.start()
    counts = await queue.reader.count()

    assert await _state(queue, held) is State.ACTIVE
    assert await _state(queue, waiting) is State.QUEUED
    assert (counts.active, counts.queued) == (1, 1)


async def test_server_that_is_away_accepts_nothing(start_server: Starter, open_on: Opener) -> None:
    """With Redis down every call says so; the same queue works again once Redis is back."""
    server = start_server("--appendonly", "yes")
    queue = open_on(server)
    await queue.submit(TaskId("before"), a_task())
    server.stop()
    with pytest.raises(QueueUnavailableError, match="cannot be reached"):
        await queue.submit(TaskId("during"), a_task())
    with pytest.raises(QueueUnavailableError, match="cannot be reached"):
        await queue.get_task(TaskId("before"))
    with pytest.raises(QueueUnavailableError, match="cannot be reached"):
        await queue.ping()
    server.start()

    await queue.ping()
    assert await queue.submit(TaskId("after"), a_task())
    assert await _state(queue, TaskId("before")) is State.QUEUED


async def test_full_server_accepts_nothing(start_server: Starter, open_on: Opener) -> None:
    """At ``maxmemory`` a submission is refused with Redis' reason, and nothing is half done."""
    server = start_server("--maxmemory-policy", "noeviction")
    queue = open_on(server)
    async with redis.asyncio.Redis(port=server.port) as client:
        await client.config_set("maxmemory", 1)
        with pytest.raises(QueueUnavailableError, match="maxmemory"):
            await queue.submit(TaskId("1"), a_task())
        left = await client.keys()
        await client.config_set("maxmemory", 0)

    assert left == []
    assert await queue.submit(TaskId("1"), a_task())


async def test_server_short_of_replicas_accepts_nothing(
    start_server: Starter, open_on: Opener
) -> None:
    """With too few replicas Redis is read-only: a submission is refused with its reason."""
    server = start_server("--min-replicas-to-write", "1")
    queue = open_on(server)

    with pytest.raises(QueueUnavailableError, match=r"(?i)replicas"):
        await queue.submit(TaskId("1"), a_task())


async def test_replica_accepts_nothing(start_server: Starter, open_on: Opener) -> None:
    """A queue that points at a replica is refused, as after a failover behind its back."""
    primary = start_server(*SYNCS_AT_ONCE)
    replica = start_server("--replicaof", "127.0.0.1", str(primary.port))
    queue = open_on(replica)

    with pytest.raises(QueueUnavailableError, match=r"(?i)read.?only"):
        await queue.submit(TaskId("1"), a_task())
    with pytest.raises(QueueUnavailableError, match="replica"):
        await queue.ping()
    with pytest.raises(QueueUnavailableError, match="replica"):
        await queue.durability()


async def test_replicated_waits_for_a_replica(start_server: Starter, open_on: Opener) -> None:
    """With ``DURABILITY=replicated`` a task is accepted once a replica has it, and not before."""
    primary = start_server(*SYNCS_AT_ONCE)
    queue = open_on(primary, "replicated")
    with pytest.raises(QueueUnavailableError, match="0 of 1 replicas"):
        await queue.submit(TaskId("alone"), a_task())
    replica = start_server("--replicaof", "127.0.0.1", str(primary.port))

    async def connected() -> bool:
        return (await queue.durability()).replicas == 1

    await wait_until(connected, "the replica is connected")

    async def accepted() -> bool:
        try:
            await queue.submit(TaskId("together"), a_task())
        except QueueUnavailableError:
            return False  # the first synchronisation is under way
        return True

    await wait_until(accepted, "a task is accepted", 20)
    async with redis.asyncio.Redis(port=replica.port) as client:
        assert await client.exists("{own}:t:together")


async def test_replicated_is_not_fooled_by_a_new_connection(
    start_server: Starter, open_on: Opener
) -> None:
    """A connection that breaks before the replica has replied is no proof that it has the task."""
    primary = start_server(*SYNCS_AT_ONCE)
    replica = start_server("--replicaof", "127.0.0.1", str(primary.port))
    async with CuttingProxy(primary.port) as proxy:
        queue = open_on(proxy, "replicated")

        async def accepted() -> bool:
            try:
                return await queue.submit(new_task_id(), a_task())
            except QueueUnavailableError:
                return False

        await wait_until(accepted, "the replica takes part", 20)
        os.kill(replica.pid, signal.SIGSTOP)
        proxy.cut_answer_to(b"WAIT")
        with pytest.raises(QueueUnavailableError, match="0 of 1 replicas"):
            await queue.submit(TaskId("1"), a_task())
        cuts = proxy.cuts
        await queue.disconnect()

    assert cuts == 1


async def test_replicated_takes_a_known_task_again(start_server: Starter, open_on: Opener) -> None:
    """A submission refused for want of a replica may be sent again under its id."""
    queue = open_on(start_server(), "replicated")
    for _ in range(2):
        with pytest.raises(QueueUnavailableError, match="0 of 1 replicas"):
            await queue.submit(TaskId("1"), a_task())

    assert (await queue.reader.count()).queued == 1


@pytest.mark.parametrize(
    ("options", "mode", "warned"),
    [
        (["--appendonly", "yes", "--appendfsync", "always"], "always", []),
        (["--appendonly", "yes", "--appendfsync", "everysec"], "everysec", []),
        (["--appendonly", "yes", "--appendfsync", "no"], "no", ["minutes"]),
        (["--save", "3600 1"], "snapshots", ["minutes"]),
        ([], "none", ["neither"]),
        (["--maxmemory-policy", "allkeys-lru"], "none", ["neither", "allkeys-lru"]),
    ],
    ids=["always", "everysec", "no fsync", "snapshots", "none", "evicting"],
)
async def test_mode_in_force_is_told(
    options: list[str], mode: str, warned: list[str], start_server: Starter, open_on: Opener
) -> None:
    """The queue tells how Redis keeps tasks, and warns of each way to lose them."""
    durability = await open_on(start_server(*options)).durability()

    assert (durability.mode, durability.replicas) == (mode, 0)
    assert len(durability.warnings) == len(warned)
    for word, warning in zip(warned, durability.warnings, strict=True):
        assert word in warning


def test_server_that_does_not_tell_is_unknown() -> None:
    """A managed Redis that forbids CONFIG is neither praised nor warned of."""
    assert Durability("unknown", "unknown", 0).warnings == []
