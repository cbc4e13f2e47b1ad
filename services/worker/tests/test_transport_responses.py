"""Conformance, first part: a destination's responses, and what becomes of the connection."""

from __future__ import annotations

import asyncio

import pytest

from queue_common.task import Outcome
from queue_testing import wait_until
from queue_testing.attempts import Result, attempt
from queue_testing.network.socket_server import Peer, SocketServer, says
from queue_worker.transport import HttpClient
from queue_worker.transport.response_reader import MAX_RESPONSE_BYTES

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DELIVERED = Result(Outcome.DELIVERED, 200, b"ok")


GOOD = {
    "length": (OK, b"ok"),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\no\r\n1;name=value\r\nk\r\n0\r\n\r\n",
        b"ok",
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"
        b"2\r\nok\r\n0\r\nX: 1\r\nContent-Type: later\r\n\r\n",
        b"ok",
    ),
    "informational": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        b"ok",
    ),
    "odd spelling": (b"HTTP/1.1 200\r\ncontent-length:2\r\nX-Empty:\r\n\r\nok", b"ok"),
    "bytes in a header": (
        b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9 \xff\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "large header": (
        b"HTTP/1.1 200 OK\r\nX-Large: %b\r\nContent-Length: 2\r\n\r\nok" % (b"x" * 30_000),
        b"ok",
    ),
}


@pytest.mark.parametrize("split", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("response", "body"), GOOD.values(), ids=GOOD)
async def test_a_framed_response(
    transport: HttpClient, response: bytes, body: bytes, split: bool
) -> None:
    """A framed response is read to its end, and its connection serves the next request."""
    parts = [response]
    if split:
        parts = [response[i : i + 1] for i in range(500)] + [response[500:]]

    async with SocketServer(says(*parts)) as server:
        results = [await attempt(transport, server.url) for _ in range(3)]

    assert results == [Result(Outcome.DELIVERED, 200, body)] * 3
    assert server.connections == 1


BARE = {
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200),
    "HEAD chunked": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
    "204": ("POST", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304),
}


@pytest.mark.parametrize(("method", "response", "status"), BARE.values(), ids=BARE)
async def test_a_response_without_a_body(
    transport: HttpClient, method: str, response: bytes, status: int
) -> None:
    """What has no body by HTTP's rules is not waited for, whatever length its head tells."""
    async with SocketServer(says(response)) as server:
        for _ in range(3):
            result = await attempt(transport, server.url, method=method, body=None)

            assert (result.status, result.body) == (status, b"")

    assert server.connections == 1


CLOSING = {
    "until the close": b"HTTP/1.1 200 OK\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nok",
    "HTTP/1.0 with a length": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "Connection: close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("response", CLOSING.values(), ids=CLOSING)
async def test_a_response_that_ends_the_connection(transport: HttpClient, response: bytes) -> None:
    """A response may end by the close or announce it; the next request gets a new connection."""
    async with SocketServer(says(response, then_close=True)) as server:
        results = [await attempt(transport, server.url) for _ in range(2)]

    assert results == [DELIVERED] * 2
    assert server.connections == 2


@pytest.mark.parametrize("status", [201, 299, 300, 301, 302, 307, 400, 404, 429, 500, 503, 599])
async def test_statuses(transport: HttpClient, status: int) -> None:
    """Any 2xx is success, all else a failure with its status; a redirect is not followed."""
    response = b"HTTP/1.1 %d X\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\nok" % status

    async with SocketServer(says(response)) as server:
        result = await attempt(transport, server.url)

    outcome = Outcome.DELIVERED if 200 <= status < 300 else Outcome.HTTP_ERROR
    assert result == Result(outcome, status, b"ok")
    assert len(server.requests) == 1


AFTERWARDS = {
    "garbage": b"garbage",
    "another answer": b"HTTP/1.1 500 Not asked for\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("more", AFTERWARDS.values(), ids=AFTERWARDS)
async def test_bytes_long_after_a_response(transport: HttpClient, more: bytes) -> None:
    """Bytes on an idle kept connection close it, and never become the next response."""
    asked = asyncio.Event()
    sent = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond()
        await asked.wait()
        await peer.send(more)
        sent.set()
        await peer.hold()

    async with SocketServer(script) as server:
        first = await attempt(transport, server.url)
        asked.set()
        await sent.wait()
        await wait_until(lambda: server.open == 0, "the connection is given up")
        second = await attempt(transport, server.url)

    assert [first, second] == [DELIVERED] * 2
    assert server.connections == 2


@pytest.mark.parametrize("more", AFTERWARDS.values(), ids=AFTERWARDS)
async def test_bytes_right_after_a_response(transport: HttpClient, more: bytes) -> None:
    """Bytes after a response close its connection."""
    async with SocketServer(says(OK + more)) as server:
        first = await attempt(transport, server.url)
        second = await attempt(transport, server.url)

    assert [first, second] == [DELIVERED] * 2
    assert server.connections == 2


async def test_a_large_response(transport: HttpClient) -> None:
    """1 MiB of a response is read and 1 KiB kept; then the status decides."""
    cut = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                await peer.send(b"x" * 65536)
        finally:
            cut.set()

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url)
        await asyncio.wait_for(cut.wait(), 5)

    assert result == Result(Outcome.DELIVERED, 200, b"x" * 1024)


async def test_a_response_that_is_mostly_framing(transport: HttpClient) -> None:
    """All bytes of a response count, chunk extensions too: the rest is cut off."""
    cut = asyncio.Event()
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await peer.send(b"1;a=%b\r\nx\r\n" % (b"b" * 60_000))
                sent += 60_000
        finally:
            cut.set()

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url)
        await asyncio.wait_for(cut.wait(), 5)

    assert (result.outcome, result.status) == (Outcome.DELIVERED, 200)
    assert len(result.body) <= MAX_RESPONSE_BYTES // 60_000 + 1
    # What the sockets' buffers hold besides was sent, and never read.
    assert sent < 30 << 20


async def test_an_early_response(transport: HttpClient) -> None:
    """A response before the end of the request counts, and closes the connection."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.respond(b"too large", b"413 Content Too Large")

    async with SocketServer(script) as server:
        results = [await attempt(transport, server.url, body=b"x" * (32 << 20)) for _ in range(2)]

    assert results == [Result(Outcome.HTTP_ERROR, 413, b"too large")] * 2
    assert server.connections == 2


async def test_an_early_response_on_an_open_connection(transport: HttpClient) -> None:
    """An early response is read while the request is being sent."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.respond(b"too large", b"413 Content Too Large")
        await asyncio.Event().wait()

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url, body=b"x" * (32 << 20), timeout_seconds=5)

    assert result == Result(Outcome.HTTP_ERROR, 413, b"too large")
