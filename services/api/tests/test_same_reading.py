"""Generated requests: the API reads each as uvicorn's parser and h11 do, or ends the connection."""

from __future__ import annotations

import asyncio
import os
import random
import re
from typing import TYPE_CHECKING

import h11
import httptools

from queue_api.http.fast_path import FastPathProtocol

from .hand_driven import Connection, Wire, teapot

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

REQUESTS = int(os.environ.get("SAME_READING_REQUESTS", "5000"))
PATHS = [b"/api/v1/tasks", b"/x", b"http://host/api/v1/tasks", b"/api/v1/%74asks", b"*"]
BODY = b'{"url":"http://localhost:9/"}'
HEADERS = [
    b"Host: x", b"Host: x", b"Host: x", b"Host : x", b"Content-Length: 29", b"Content-Length: 29",
    b"Content-Length: 029", b"Content-Length: +29", b"Content-Length: 29, 29", b"Content-Length: 5",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding:\tchunked",
    b"Connection: Upgrade\r\nUpgrade: h2c", b"Connection: close", b"Connection: keep-alive",
    b"Upgrade: foo", b"Content-Type: application/json", b"X: a\r\n b", b"X: a\nY: b", b"X: \x00",
    b"X:", b": x", b"X", b"X\xff: 1", b"Expect: 100-continue", b"Authorization: Bearer a",
]  # fmt: skip
CHUNKED = [
    b"1d\r\n" + BODY + b"\r\n0\r\n\r\n", b"1D;a=b\r\n" + BODY + b"\r\n0\r\nX: y\r\n\r\n",
    b"0x1d\r\n" + BODY + b"\r\n0\r\n\r\n", b" 1d\r\n" + BODY + b"\r\n0\r\n\r\n",
    b"1d\n" + BODY + b"\n0\n\n", b"-1\r\n\r\n0\r\n\r\n", b"5\r\nhello\r\n18\r\nshort\r\n0\r\n\r\n",
]  # fmt: skip
MARKER = b"GET /marker HTTP/1.1\r\nHost: x\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def made(seed: int) -> tuple[bytes, list[int]]:
    """Return a request with a marker behind it, and where it is cut."""
    choose = random.Random(seed)  # noqa: S311 - requests, not keys
    headers = [choose.choice(HEADERS) for _ in range(choose.randint(0, 3))]
    if choose.random() < 0.9:
        headers += [b"Host: x"]
    is_chunked = choose.random() < 0.3
    headers += [b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 29"]
    if choose.random() < 0.5:
        headers += [b"Content-Type: application/json"]
    choose.shuffle(headers)
    end = choose.choice([b"\r\n"] * 20 + [b"\n", b"\r"])
    version = choose.choice([b"HTTP/1.1"] * 10 + [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1"])
    line = b"%b %b %b" % (choose.choice([b"POST"] * 8 + [b"GET"]), choose.choice(PATHS), version)
    body = choose.choice(CHUNKED) if is_chunked else BODY
    raw = end.join([line, *headers]) + end * 2 + body + MARKER
    cuts = choose.choice([[], [choose.randrange(1, len(raw))], list(range(1, len(raw)))])
    return raw, cuts


class Parsed:
    """What uvicorn's parser makes of a request without an offer to upgrade."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.urls: list[bytes] = []

    def on_message_begin(self) -> None:
        self.bodies.append(b"")
        self.urls.append(b"")

    def on_url(self, url: bytes) -> None:
        self.urls[-1] += url

    def on_body(self, body: bytes) -> None:
        self.bodies[-1] += body


def by_uvicorn(raw: bytes) -> list[tuple[bytes, bytes]] | None:
    parsed = Parsed()
    if b"HTTP/2.0" in raw:
        return None  # uvicorn takes it for HTTP/1.1 without keep-alive
    parser = httptools.HttpRequestParser(parsed)
    try:
        parser.feed_data(raw.replace(b"Upgrade", b"Unknown"))
    except httptools.HttpParserError:
        return None
    return list(zip(parsed.urls, parsed.bodies, strict=True))


def by_h11(raw: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return what h11 reads; None if it refuses it."""
    connection = h11.Connection(h11.SERVER)
    if b"HTTP/2.0" in raw:
        return None
    connection.receive_data(raw.replace(b"Upgrade", b"Unknown"))
    found: list[tuple[bytes, bytes]] = []
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                found.append((event.target, b""))
            elif isinstance(event, h11.Data):
                found[-1] = found[-1][0], found[-1][1] + bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.their_state is not h11.DONE:
                    return found
                connection.start_next_cycle()
            else:
                return found
    except h11.RemoteProtocolError:
        return None


async def by_the_api(
    shared: Connection, raw: bytes, cuts: list[int]
) -> tuple[list[tuple[bytes, bytes]], list[int], bool]:
    """Return the requests that were read, the statuses, and whether the connection was ended."""
    found: list[tuple[bytes, bytes]] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        found.append((scope["raw_path"], body))
        await teapot(scope, receive, send)

    fast_path = shared.protocol._fast_path
    protocol = FastPathProtocol(fast_path, shared.protocol.config, shared.server, {})
    protocol.app = application
    wire = Wire()
    protocol.connection_made(wire)
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        protocol.data_received(raw[start:end])
        if protocol._pending is not None:
            found.append((b"/api/v1/tasks", protocol._pending.raw.partition(b"\r\n\r\n")[2]))
            shared.queue.reply()
        await asyncio.sleep(0)
    for _ in range(8):
        await asyncio.sleep(0)
    ended = protocol._is_ending()
    statuses = [int(status) for status in STATUS.findall(wire.written)]
    wire.close()
    protocol.connection_lost(None)
    return found, [status for status in statuses if status != 100], ended


def path(target: bytes) -> bytes:
    return target.removeprefix(b"http://host")


async def test_all_readers_agree() -> None:
    """Accepted requests were read as uvicorn's parser and h11 read them; all others get a 400."""
    shared = Connection()
    for seed in range(REQUESTS):
        raw, cuts = made(seed)
        found, statuses, ended = await by_the_api(shared, raw, cuts)
        for reader in (by_uvicorn, by_h11):
            read = reader(raw)
            if read is not None:
                expected = [(path(target), body) for target, body in read]
                assert found == expected[: len(found)], (seed, raw, cuts, reader)
            else:
                # It may have read bytes before the fault. Nothing after a fault gets a response.
                assert len(found) < 2 or not ended, (seed, raw, cuts, reader)
        assert len(found) == 2 or ended, (seed, raw, cuts)
        assert len(found) > 0 or statuses == [400], (seed, raw, cuts, statuses)
