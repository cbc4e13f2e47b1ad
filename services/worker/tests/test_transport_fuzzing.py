"""Random responses: arbitrary bytes, and valid responses with something broken."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_testing import wait_until
from queue_testing.attempts import Result, attempt, open_transport
from queue_testing.network.socket_server import Peer, SocketServer
from queue_worker.transport import HttpClient

DEADLINE_SECONDS = 0.2
SLACK_SECONDS = 5.0
"""A busy machine's: far from what a hang would take."""

SOUND = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;a=b\r\nabc\r\n"
    b"0\r\nX: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    b"HTTP/1.0 500 Oh\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nConnection: close\r\n\r\nuntil the close",
]
TELLING = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\xff", b"HTTP/1.1 ", b"HTTP/1.1 101 X",
    b"Content-Length: ", b"Content-Length: 99999999999999999999\r\n", b"-1", b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"ffffffffffffffff\r\n",
    b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"Connection: upgrade\r\n", b"x" * 70_000,
    b"X: y\r\n" * 300, b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid response with parts removed, repeated, swapped or inserted."""
    response = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(response)))
        end = draw(st.integers(start, min(len(response), start + 12)))
        piece = draw(
            st.one_of(
                st.sampled_from(TELLING), st.binary(max_size=8), st.just(response[start:end] * 2)
            )
        )
        response = response[:start] + piece + response[end:]
    return response


@dataclass(frozen=True)
class Said:
    """What the server says to a request."""

    parts: list[bytes]
    ending: str


@st.composite
def saids(draw: st.DrawFn) -> Said:
    """Any response, in any pieces, and any end of it."""
    response = draw(st.one_of(mutated(), mutated(), st.binary(max_size=200)))
    cuts = sorted(draw(st.lists(st.integers(0, len(response)), max_size=4)))
    bounds = [0, *cuts, len(response)]
    parts = [response[begin:end] for begin, end in pairwise(bounds)]
    return Said(parts, draw(st.sampled_from(["close", "close", "reset", "listen", "hold"])))


class Bench:
    """A server that says what it is told, and a transport that asks it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.said = Said([], "close")
        self.server = SocketServer(self._script)
        self.transport = self.runner.run(self._open())

    async def _open(self) -> HttpClient:
        await self.server.__aenter__()
        return open_transport()

    async def _script(self, peer: Peer) -> None:
        await peer.request()
        await peer.send(*self.said.parts)
        if self.said.ending == "reset":
            peer.reset()
        elif self.said.ending == "listen":
            await peer.request()
        elif self.said.ending == "hold":
            await peer.hold()

    def ask(self, said: Said, method: str) -> tuple[Result, float]:
        """Return the result of a request with the response ``said``, and the seconds it took."""
        self.said = said
        begin = time.monotonic()
        result = self.runner.run(
            attempt(
                self.transport, self.server.url, method=method, timeout_seconds=DEADLINE_SECONDS
            )
        )
        return result, time.monotonic() - begin

    async def _end(self) -> None:
        await self.transport.aclose()
        await wait_until(lambda: self.server.open == 0, "the server sees all connections closed")
        await self.server.__aexit__(None, None, None)
        await wait_until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "no task is left")

    def close(self) -> None:
        """Close everything; what is still open then fails the test."""
        self.runner.run(self._end())
        self.runner.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench; neither sockets nor tasks may be left when it ends."""
    before = _sockets()
    bench = Bench()
    yield bench
    bench.close()

    assert _sockets() == before


def _sockets() -> int:
    descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - numbers, not paths
    links = (os.path.realpath(f"/proc/self/fd/{number}") for number in descriptors)
    return sum("/socket:" in link for link in links)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=saids(), method=st.sampled_from(["POST", "GET", "HEAD"]))
def test_any_response(bench: Bench, said: Said, method: str) -> None:
    """Whatever a destination says: one of the outcomes, by the deadline, and nothing left open."""
    result, seconds = bench.ask(said, method)

    assert seconds < DEADLINE_SECONDS + SLACK_SECONDS
    assert result.status is None or 200 <= result.status <= 999
    assert bench.transport.pool.open - bench.transport.pool.idle <= 1
