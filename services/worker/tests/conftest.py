"""What the worker's tests share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from queue_testing import wait_until
from queue_testing.attempts import open_transport
from queue_worker.transport import HttpClient


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the worker runs on: what a loop raises for one and the same failure differs."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[HttpClient]:
    """A transport; it must leave neither sockets nor tasks behind."""
    sockets = _sockets()
    transport = open_transport()
    yield transport
    await transport.aclose()
    await wait_until(lambda: _sockets() <= sockets, "all sockets are closed")
    await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "no task is left")


def _sockets() -> int:
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))  # noqa: PTH208
    return sum(os.path.realpath(link).rpartition("/")[2].startswith("socket:") for link in links)
