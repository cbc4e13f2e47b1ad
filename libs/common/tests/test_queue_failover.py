"""A server that cannot serve any more is left for what its name leads to by now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio

from queue_common.errors import QueueUnavailableError
from queue_common.queue import TaskQueue
from queue_common.queue.storage.connection import ReconnectBackoff, open_client, reply
from queue_common.retry import Done
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId, new_task_id
from queue_testing import RedisServer, free_port, wait_until
from queue_testing.network.proxy import CuttingProxy
from queue_testing.tasks import a_task, an_attempt

Starter = Callable[..., RedisServer]
Opener = Callable[..., TaskQueue]

SYNCS_AT_ONCE = ("--repl-diskless-sync-delay", "0")
FAILOVER_SECONDS = 5.0


@pytest.fixture
async def open_at() -> AsyncIterator[Opener]:
    """Opens clients of one queue at an address."""
    opened: list[TaskQueue] = []

    def open_one(address: str, durability: str = "local") -> TaskQueue:
        settings = QueueSettings.model_validate({"queue_name": "own", "durability": durability})
        opened.append(TaskQueue(RedisSettings(redis_addr=address, redis_url=None), settings))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.disconnect()


async def _tell(server: RedisServer, *command: str) -> None:
    async with redis.asyncio.Redis(port=server.port) as client:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]


async def _accepts(queue: TaskQueue) -> bool:
    try:
        return await queue.submit(new_task_id(), a_task())
    except QueueUnavailableError:
        return False


async def _swap_roles(primary: RedisServer, replica: RedisServer) -> None:
    await _tell(replica, "REPLICAOF", "NO", "ONE")
    await _tell(primary, "REPLICAOF", "127.0.0.1", str(replica.port))


async def test_a_switchover_with_both_alive_is_followed(
    start_server: Starter, open_at: Opener
) -> None:
    """Connections to a primary that becomes a replica are left: tasks are accepted and claimed."""
    first = start_server(*SYNCS_AT_ONCE)
    second = start_server("--replicaof", "127.0.0.1", str(first.port), *SYNCS_AT_ONCE)
    async with CuttingProxy(first.port) as proxy:
        client, worker = open_at(proxy.address, "replicated"), open_at(proxy.address)
        await worker.start_consuming(worker_id="worker", concurrency=5)
        await wait_until(lambda: _accepts(client), "the replica takes part", 20)
        (held,) = await worker.claim(5)
        claiming = asyncio.create_task(worker.claim(5))
        await worker.settle(held, an_attempt(), Done())

        await _swap_roles(first, second)
        proxy.lead_to(second.port)

        await wait_until(lambda: _accepts(client), "a task is accepted", FAILOVER_SECONDS)
        (claim,) = await asyncio.wait_for(claiming, FAILOVER_SECONDS)
        await worker.settle(claim, an_attempt(), Done())
        await client.disconnect()
        await worker.disconnect()


async def test_an_idle_worker_follows_with_all_its_connections(
    start_server: Starter, open_at: Opener
) -> None:
    """A claim that finds nothing at a replica is not refused there: it leaves with the others."""
    first, second = start_server(), start_server()
    async with CuttingProxy(first.port) as proxy, redis.asyncio.Redis(port=first.port) as there:
        client, worker = open_at(proxy.address), open_at(proxy.address)
        await worker.start_consuming(worker_id="worker", concurrency=5)
        claiming = asyncio.create_task(worker.claim(5))

        async def waits() -> bool:
            return bool((await there.info("clients"))["blocked_clients"])

        await wait_until(waits, "the worker waits for work")
        proxy.lead_to(second.port)
        await _becomes_replica(first)
        await wait_until(lambda: _accepts(client), "a task is accepted", FAILOVER_SECONDS)

        assert await asyncio.wait_for(claiming, FAILOVER_SECONDS)
        await client.disconnect()
        await worker.disconnect()


async def test_reads_follow_a_switchover_too(start_server: Starter, open_at: Opener) -> None:
    """Once one command has met a replica, no other connection of the client asks it any more."""
    first, second = start_server(), start_server()
    async with CuttingProxy(first.port) as proxy:
        client = open_at(proxy.address)
        await client.submit(TaskId("1"), a_task())
        await asyncio.gather(*(client.reader.count() for _ in range(3)))
        await _tell(first, "REPLICAOF", "127.0.0.1", str(free_port()))
        proxy.lead_to(second.port)
        assert await client.submit(TaskId("2"), a_task())

        counts = await asyncio.gather(*(client.reader.count() for _ in range(3)))
        await client.disconnect()

    assert [seen.queued for seen in counts] == [1, 1, 1]


async def _stops_following(server: RedisServer) -> None:
    await _tell(server, "CONFIG", "SET", "replica-serve-stale-data", "no")
    await _tell(server, "REPLICAOF", "127.0.0.1", str(free_port()))


async def _becomes_replica(server: RedisServer) -> None:
    await _tell(server, "REPLICAOF", "127.0.0.1", str(free_port()))


async def _loses_replicas(server: RedisServer) -> None:
    await _tell(server, "CONFIG", "SET", "min-replicas-to-write", "1")


async def _loads(server: RedisServer) -> None:
    # A millisecond a key.
    await _tell(server, "CONFIG", "SET", "key-load-delay", "1000")
    await _tell(server, "CONFIG", "SET", "loading-process-events-interval-bytes", "1024")
    await _tell(server, "DEBUG", "POPULATE", "5000")
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"DEBUG RELOAD\r\n")

    client = open_client(RedisSettings(redis_addr=server.address, redis_url=None))

    async def loads() -> bool:
        try:
            await reply(client.ping())
        except redis.exceptions.ConnectionError:
            return True
        return False

    await wait_until(loads, "the server loads")
    await client.aclose()
    writer.close()


@pytest.mark.parametrize(
    ("end", "command", "reason"),
    [
        (_becomes_replica, ("SET", "key", "1"), "read only replica"),
        (_becomes_replica, ("EVAL", "return redis.call('SET', 'key', '1')", "0"), "read only rep"),
        (_stops_following, ("GET", "key"), "Link with MASTER is down"),
        (_loads, ("GET", "key"), "loading the dataset"),
        (_loses_replicas, ("SET", "key", "1"), "NOREPLICAS"),
    ],
    ids=["READONLY", "READONLY of a script", "MASTERDOWN", "LOADING", "NOREPLICAS"],
)
async def test_a_server_that_cannot_serve_is_left(
    end: Callable[[RedisServer], Awaitable[None]], command: tuple[str, ...], reason: str,
    start_server: Starter,
) -> None:  # fmt: skip
    """Its connections are closed at the first refusal: the next command is another server's."""
    first, second = start_server("--enable-debug-command", "yes"), start_server()
    async with CuttingProxy(first.port) as proxy:
        client = open_client(RedisSettings(redis_addr=proxy.address, redis_url=None))
        await reply(client.ping())
        await end(first)
        with pytest.raises(redis.exceptions.ConnectionError, match=reason):
            await client.execute_command(*command)  # type: ignore[no-untyped-call]
        proxy.lead_to(second.port)

        assert await reply(client.set("key", "here"))
        await client.aclose()

    async with redis.asyncio.Redis(port=second.port) as there:
        assert await there.get("key") == b"here"


async def test_a_command_that_may_run_twice_follows_at_once(start_server: Starter) -> None:
    """Where the name has moved on already, a submission's client does not even notice."""
    first, second = start_server(), start_server()
    async with CuttingProxy(first.port) as proxy:
        settings = RedisSettings(redis_addr=proxy.address, redis_url=None)
        client = open_client(settings, retries=1)
        await reply(client.ping())
        await _becomes_replica(first)
        proxy.lead_to(second.port)

        assert await reply(client.set("key", "here"))
        await client.aclose()


async def test_a_primary_that_its_replicas_left_is_left_too(
    start_server: Starter, open_at: Opener
) -> None:
    """A task that no replica has is refused, and the next one is another primary's."""
    first = start_server()
    second = start_server(*SYNCS_AT_ONCE)
    start_server("--replicaof", "127.0.0.1", str(second.port))
    async with CuttingProxy(first.port) as proxy:
        client = open_at(proxy.address, "replicated")
        assert not await _accepts(client)
        proxy.lead_to(second.port)

        await wait_until(lambda: _accepts(client), "the other primary accepts", 20)
        await client.disconnect()


def test_any_number_of_failures_has_a_pause() -> None:
    """A day without Redis ends no process: the pause stays within its bound."""
    backoff = ReconnectBackoff(cap=1.0, base=0.05)

    assert 0.025 <= backoff.compute(0) <= 0.05
    assert all(0.5 <= backoff.compute(failures) <= 1 for failures in (10, 1024, 100_000))
