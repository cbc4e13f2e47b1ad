"""What a client of METRICS_PORT may take of the process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from queue_common.metrics.protocol import MAX_CONNECTIONS
from queue_common.metrics.server import health_page, serve_pages

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A port on which a connection waits 0.2 s for a request."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with serve_pages(listener, {"/health": health_page}, request_seconds=0.2):
        yield listener.getsockname()[1]


@pytest.mark.parametrize("sent", [b"", GET[:-2], GET + GET[:-2]], ids=["nothing", "half", "second"])
async def test_a_request_must_come_in_time(port: int, sent: bytes) -> None:
    """A connection on which no whole request comes is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    seen = await asyncio.wait_for(reader.read(), 10)
    writer.close()

    assert seen.count(b"HTTP/1.1 200 ") == sent.count(GET)


async def test_connections_are_bounded(port: int) -> None:
    """A connection more than there may be is closed at once."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS + 1)]
    last, writer = opened[-1]
    with suppress(ConnectionResetError):
        writer.write(GET)
        assert await asyncio.wait_for(last.read(), 10) == b""
    for reader, _ in opened[:-1]:
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
    for _, writer in opened:
        writer.close()


async def test_an_offer_to_upgrade_hides_no_request(port: int) -> None:
    """The body behind an offer to upgrade is a body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    offer = b"Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: %d\r\n\r\n" % len(GET)
    writer.write(GET[:-2] + offer)
    await writer.drain()
    writer.write(GET)
    seen = await asyncio.wait_for(reader.read(), 10)
    writer.close()

    assert seen.count(b"HTTP/1.1 ") == 1
