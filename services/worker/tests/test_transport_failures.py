"""Conformance, second part: what a destination can do wrong, and what an attempt comes to then."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from queue_common.task import Outcome
from queue_testing import wait_until
from queue_testing.attempts import Result, attempt, open_transport
from queue_testing.network.socket_server import Peer, Script, SocketServer, says
from queue_worker.transport import HttpClient, Resolver
from queue_worker.transport.dialing.lookup import AddressInfo, numeric

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = b"HTTP/1.1 200 OK\r\n"

BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "status line": b"HTTP/1.1 abc OK\r\n\r\n",
    "version": b"HTTP/one 200 OK\r\nContent-Length: 0\r\n\r\n",
    "header without colon": HEAD + b"no colon\r\n\r\n",
    "header name": HEAD + b"a b: c\r\n\r\n",
    "length not a number": HEAD + b"Content-Length: two\r\n\r\nok",
    "negative length": HEAD + b"Content-Length: -2\r\n\r\nok",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n",
    "huge chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nok",
    "chunk end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokokok\r\n0\r\n\r\n",
    "switched protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
    b"Connection: upgrade\r\n\r\n",
    "one huge header": HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
    "endless header": HEAD + b"X: " + b"x" * 200_000,
    "headers too large": HEAD + b"X: %b\r\n" % (b"x" * 1000) * 90 + b"Content-Length: 0\r\n\r\n",
    "too many headers": HEAD + b"X: x\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
async def test_a_broken_response(transport: HttpClient, response: bytes) -> None:
    """A response that is not HTTP/1.1, or over a limit, is a protocol error at once."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(response)
        await peer.hold()

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url)
        await wait_until(lambda: server.open == 0, "the connection is closed")

    assert result.outcome is Outcome.PROTOCOL_ERROR
    assert result.error
    assert len(server.requests) == 1


CUT = {
    "no answer": b"",
    "status line": b"HTTP/1.1 20",
    "header": HEAD + b"Content-Len",
    "before the body": HEAD + b"Content-Length: 10\r\n\r\n",
    "body": HEAD + b"Content-Length: 10\r\n\r\nok",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nok",
    "between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "after informational": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("by_reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("begin", CUT.values(), ids=CUT)
async def test_a_connection_that_is_lost(
    transport: HttpClient, begin: bytes, by_reset: bool
) -> None:
    """A connection that ends before its response is lost; a new one's request is not sent again."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begin)
        if by_reset:
            peer.reset()

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url)

    assert result.outcome is Outcome.CONNECTION_LOST
    assert len(server.requests) == 1


@pytest.mark.parametrize("by_reset", [False, True], ids=["end", "reset"])
async def test_a_stale_connection(transport: HttpClient, by_reset: bool) -> None:
    """A kept connection that dies with no byte of a response is replaced, and the request sent."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond()
        await peer.request()
        if peer.number > 1:
            await peer.respond()
        elif by_reset:
            peer.reset()

    async with SocketServer(script) as server:
        results = [await attempt(transport, server.url) for _ in range(3)]

    assert results == [Result(Outcome.DELIVERED, 200, b"ok")] * 3
    assert server.connections == 2
    assert len(server.requests) == 4


async def test_a_kept_connection_that_begins_to_respond(
    transport: HttpClient,
) -> None:
    """After the first byte of a response, the request is not sent again."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond()
        await peer.request()
        await peer.send(b"H")

    async with SocketServer(script) as server:
        results = [await attempt(transport, server.url) for _ in range(2)]

    assert results[1].outcome is Outcome.CONNECTION_LOST
    assert len(server.requests) == 2


async def test_a_connection_closed_while_kept(transport: HttpClient) -> None:
    """A connection that the destination closed while nobody used it is not used again."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.respond()

    async with SocketServer(script) as server:
        for _ in range(3):
            result = await attempt(transport, server.url)

            assert result.outcome is Outcome.DELIVERED
            await wait_until(lambda: server.open == 0, "the connection is closed")

    assert len(server.requests) == 3


async def _silent(peer: Peer) -> None:
    await peer.request()
    await peer.hold()


async def _drips(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        await peer.send(b"x")
        await asyncio.sleep(0.01)


async def _drips_head(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + b"X: ")
    while True:
        await peer.send(b"x")
        await asyncio.sleep(0.01)


async def _deaf(_peer: Peer) -> None:
    await asyncio.Event().wait()


SLOW = {
    "silent": (_silent, "answer"),
    "drips the body": (_drips, "answer"),
    "drips the head": (_drips_head, "answer"),
    "does not read": (_deaf, "send"),
}


@pytest.mark.parametrize(("script", "phase"), SLOW.values(), ids=SLOW)
async def test_a_slow_destination(transport: HttpClient, script: Script, phase: str) -> None:
    """At the deadline the attempt ends, says in which phase it was, and closes its connection."""
    body = b"x" * (32 << 20) if phase == "send" else b"{}"

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url, body=body, timeout_seconds=0.3)

    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, phase)


async def test_a_destination_that_does_not_shake_hands(
    transport: HttpClient,
) -> None:
    """A deadline in the middle of TLS' handshake says so."""
    async with SocketServer(_deaf) as server:
        url = f"https://127.0.0.1:{server.port}/"
        result = await attempt(transport, url, timeout_seconds=0.3)

    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, "tls")


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that never accepts a connection: a listener with a full queue."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


async def test_a_black_hole(transport: HttpClient) -> None:
    """A deadline before there is a connection says so."""
    with black_hole() as (host, port):
        result = await attempt(transport, f"http://{host}:{port}/", timeout_seconds=0.3)

    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, "connect")


async def test_a_refused_connection(transport: HttpClient) -> None:
    """Where nobody listens the error says where that was."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = await attempt(transport, f"http://127.0.0.1:{port}/")

    assert result.outcome is Outcome.CONNECT_ERROR
    assert result.error == f"cannot connect to 127.0.0.1:{port}: Connection refused"


async def test_an_unknown_name(transport: HttpClient) -> None:
    """A name without an address is an error of the look-up, which names it."""
    result = await attempt(transport, "http://nowhere.invalid/")

    assert result.outcome is Outcome.DNS_ERROR
    assert result.error is not None
    assert "nowhere.invalid" in result.error


async def test_a_look_up_that_hangs() -> None:
    """A name server that hangs ends at the deadline, in the phase of the look-up."""
    hang = threading.Event()

    def reader(_host: str) -> list[AddressInfo]:
        hang.wait()
        return []

    transport = open_transport(resolver=Resolver(reader))
    result = await attempt(transport, "http://slow.example/", timeout_seconds=0.2)
    hang.set()
    await transport.aclose()

    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, "resolve")


@pytest.mark.parametrize("first", ["refused", "black hole"])
async def test_a_name_with_a_bad_address(first: str) -> None:
    """Where one of a name's addresses does not work the next is tried, within the deadline."""
    with black_hole() as (_, port), ExitStack() as opened:
        bad = "127.0.0.1" if first == "black hole" else "127.0.0.3"
        responses = [info for host in (bad, "127.0.0.2") for info in numeric(host) or ()]
        good = opened.enter_context(_listening("127.0.0.2", port))
        transport = open_transport(resolver=Resolver(lambda _host: responses))
        async with await asyncio.start_server(_answer_once, sock=good):
            result = await attempt(transport, f"http://two.example:{port}/")
        await transport.aclose()

    assert result == Result(Outcome.DELIVERED, 200, b"ok")


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.bind((host, port))
    listener.listen()
    return listener


async def _answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    await writer.drain()
    writer.close()


async def test_ipv6(transport: HttpClient) -> None:
    """A written IPv6 address is connected to, and named in brackets."""
    async with SocketServer(says(OK), host="::1") as server:
        result = await attempt(transport, server.url)

    assert result.outcome is Outcome.DELIVERED
    assert f"host: [::1]:{server.port}".encode() in server.requests[0].lower()


FLOOD = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


async def test_a_flood_of_informational_responses(transport: HttpClient) -> None:
    """Endless informational responses are a protocol error."""

    async def script(peer: Peer) -> None:
        await peer.request()
        while True:
            await peer.send(FLOOD)

    async with SocketServer(script) as server:
        result = await attempt(transport, server.url, timeout_seconds=5)

    assert result.outcome is Outcome.PROTOCOL_ERROR
