from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from queue_testing import RedisServer
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .running import Cli


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
def cli(system: System, tmp_path: Path) -> Cli:
    """The command, for the running system, with no configuration of its own."""
    return Cli(tmp_path, system.url)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver
