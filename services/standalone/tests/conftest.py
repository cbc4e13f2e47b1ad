"""What the tests of both processes together share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from queue_common.settings import QueueSettings
from queue_testing import RedisServer
from queue_testing.receiver import Receiver

from .metered import Metered

NewProcess = Callable[[str], Metered]


@pytest.fixture
def new_process(
    tmp_path: Path, redis_server: RedisServer, queue_settings: QueueSettings
) -> Iterator[NewProcess]:
    """Makes processes of the test's queue that have not been started; ends them all."""
    made: list[Metered] = []

    def make(name: str) -> Metered:
        variables = {
            "REDIS_ADDR": redis_server.address,
            "QUEUE_NAME": queue_settings.queue_name,
            "WORKER_RETRY_INTERVAL": "200ms",
        }
        made.append(Metered(name, tmp_path, variables))
        return made[-1]

    yield make
    for process in made:
        process.clean_up()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver
