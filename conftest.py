"""Fixtures of all test suites: real servers, and queues on them that leave nothing behind."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis.asyncio
from pydantic import SecretStr

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_standalone.valkey import find_server
from queue_testing import RedisServer

ACL = Path(__file__).parent / "charts/queue-system/charts/redis/files/applications.acl"
PASSWORD = "of-the-applications"  # noqa: S105 - of a test server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without a sentence about the behaviour that it checks."""
    silent = [
        item.nodeid for item in items if isinstance(item, pytest.Function) and not item.obj.__doc__
    ]
    if silent:
        raise pytest.UsageError("tests without a sentence: " + ", ".join(silent))


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """The server under test: REDIS_SERVER if set, else the server of ``make run``."""
    chosen = os.environ.get("REDIS_SERVER")
    return Path(chosen) if chosen else find_server()


@pytest.fixture(scope="session")
def redis_server(
    server_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """A server all tests share; tests that stop or fill one start their own.

    Beside the default user it knows "queue", with the rights that the chart gives API and worker.
    """
    rights = ACL.read_text().replace("QUEUE", "*").split()
    user = ["--user", "queue", "on", f">{PASSWORD}", *rights]
    server = RedisServer(server_binary, tmp_path_factory.mktemp("redis"), *user).start()
    yield server
    server.stop()


@pytest.fixture
def start_server(server_binary: Path, tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Starts further servers with options, and kills them after the test."""
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        directory = tmp_path / f"server-{len(started)}"
        directory.mkdir()
        started.append(RedisServer(server_binary, directory, *options).start())
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> RedisSettings:
    """The settings for connecting to the shared server."""
    return RedisSettings(
        redis_addr=redis_server.address, redis_username="queue",
        redis_password=SecretStr(PASSWORD), redis_url=None,
    )  # fmt: skip


@pytest.fixture
def queue_settings() -> QueueSettings:
    """The settings of a queue for one test."""
    return QueueSettings(queue_name=f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def open_queue(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> AsyncIterator[Callable[[], TaskQueue]]:
    """Opens clients of the test's queue, and closes them after the test."""
    opened: list[TaskQueue] = []

    def open_one() -> TaskQueue:
        opened.append(TaskQueue(redis_settings, queue_settings))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.disconnect()


@pytest.fixture
async def queue(open_queue: Callable[[], TaskQueue]) -> TaskQueue:
    """A client of the test's queue."""
    return open_queue()


@pytest.fixture
async def raw_redis(redis_server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """A plain client of the shared server, to read keys directly."""
    client = redis.asyncio.Redis(port=redis_server.port)
    yield client
    await client.aclose()
