"""What the chart's Redis lets API and worker do. All tests of the queue run with these rights."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from redis.exceptions import NoPermissionError

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings


@pytest.fixture
async def client(redis_settings: RedisSettings) -> AsyncIterator[redis.asyncio.Redis]:
    """A client with the rights of API and worker."""
    client = redis.asyncio.Redis.from_url(redis_settings.url())
    yield client
    await client.aclose()


async def test_they_see_how_durable_the_server_is(queue: TaskQueue) -> None:
    """The settings that decide on durability may be read: `unknown` would hide what is missing."""
    assert (await queue.durability()).mode == "none"


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG SET maxmemory 1", "SHUTDOWN",
        "ACL LIST", "MONITOR", "CLIENT KILL ID 1", "SCRIPT FLUSH", "REPLICAOF 127.0.0.1 1", "SAVE",
        "MODULE LIST", "MIGRATE 127.0.0.1 1 x 0 1", "SWAPDB 0 1", "PUBLISH c m", "EVAL return 0",
    ],
)  # fmt: skip
async def test_a_dangerous_command_is_refused(client: redis.asyncio.Redis, command: str) -> None:
    """Neither what ends or changes the server, nor what looks at others, is let through."""
    with pytest.raises(NoPermissionError):
        await client.execute_command(*command.split())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("key", ["other", "tasks:t:1", "}{tasks}:x"])
async def test_keys_beside_the_queue_are_refused(client: redis.asyncio.Redis, key: str) -> None:
    """Only keys that begin with a queue's hash tag are touched."""
    with pytest.raises(NoPermissionError):
        await client.set(key, "x")


async def test_the_queues_own_keys_are_not(
    client: redis.asyncio.Redis, queue_settings: QueueSettings
) -> None:
    """The rights are for the queue's keys, whatever comes behind its hash tag."""
    assert await client.set(f"{{{queue_settings.queue_name}}}:x", "1", ex=1)
