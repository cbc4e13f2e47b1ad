"""Who the queue is to Redis: password, ACL user, database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis.asyncio
from pydantic import SecretStr

from queue_common.errors import QueueUnavailableError
from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer
from queue_testing.tasks import a_task

PASSWORD = "p@ss/wo:rd%41#?"


async def test_user_password_and_database_are_used(
    start_server: Callable[..., RedisServer],
) -> None:
    """A task goes to the named database, under the named ACL user, whatever the password holds."""
    server = start_server("--user", "queue", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    settings = RedisSettings(
        redis_addr=server.address, redis_username="queue",
        redis_password=SecretStr(PASSWORD), redis_database=3, redis_url=None,
    )  # fmt: skip
    queue = TaskQueue(settings, QueueSettings(queue_name="login"))
    await queue.submit(TaskId("1"), a_task())
    await queue.disconnect()

    async with redis.asyncio.Redis(port=server.port, db=3) as client:
        assert await client.keys("{login}*")
    async with redis.asyncio.Redis(port=server.port, db=0) as client:
        assert not await client.keys("*")


async def test_wrong_password_counts_as_no_redis(
    start_server: Callable[..., RedisServer],
) -> None:
    """A refused login raises QueueUnavailableError, which does not show the password."""
    server = start_server("--requirepass", "right")
    settings = RedisSettings(
        redis_addr=server.address, redis_password=SecretStr("hunter2"), redis_url=None
    )
    queue = TaskQueue(settings, QueueSettings(queue_name="login"))

    with pytest.raises(QueueUnavailableError) as refused:
        await queue.submit(TaskId("1"), a_task())
    assert "hunter2" not in str(refused.value)
    await queue.disconnect()
