from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from queue_client import AsyncQueueClient, QueueClient
from queue_testing import RedisServer
from queue_testing.system import System


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def system(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A running API and worker that the tests share."""
    system = System(tmp_path_factory.mktemp("system"), redis_server.address)
    await system.start()
    yield system
    system.stop()


@pytest.fixture
def client(system: System) -> Iterator[QueueClient]:
    """A client of the running system."""
    with QueueClient(system.url) as client:
        yield client


@pytest.fixture
async def async_client(system: System) -> AsyncIterator[AsyncQueueClient]:
    """A client of the running system, on asyncio."""
    async with AsyncQueueClient(system.url) as client:
        yield client
