"""Keeping connections and writing requests: what is not seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_common.task import Outcome
from queue_testing import wait_until
from queue_testing.attempts import Result, attempt, open_transport
from queue_testing.network.socket_server import SocketServer, says
from queue_worker.transport import HttpClient, Request
from queue_worker.transport.errors import InvalidUrlError, UnsendableRequestError
from queue_worker.transport.request import encode_outgoing
from queue_worker.transport.url import read_target, target_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def native() -> AsyncIterator[Callable[..., HttpClient]]:
    """Opens our transport as the test wants it."""
    opened: list[HttpClient] = []

    def open_one(*, max_open: int = 100, idle_seconds: float = 30) -> HttpClient:
        made = open_transport(max_open=max_open, idle_seconds=idle_seconds)
        opened.append(made)
        return made

    yield open_one
    for transport in opened:
        await transport.aclose()
        await wait_until(lambda: transport.pool.open == 0, "all connections are closed")  # noqa: B023


async def test_the_connection_used_last_is_taken_first(native: Callable[..., HttpClient]) -> None:
    """So that those a burst left over come to their idle limit."""
    transport = native()

    async with SocketServer(says(OK)) as server:
        await asyncio.gather(*(attempt(transport, server.url) for _ in range(5)))
        for _ in range(20):
            await attempt(transport, server.url)

        assert server.connections == 5
        assert transport.pool.idle == 5


async def test_an_idle_connection_is_closed(native: Callable[..., HttpClient]) -> None:
    """A kept connection that nobody takes is closed after the idle limit."""
    transport = native(idle_seconds=0.05)

    async with SocketServer(says(OK)) as server:
        await asyncio.gather(*(attempt(transport, server.url) for _ in range(3)))
        await wait_until(lambda: server.open == 0, "the server sees them closed")

    assert transport.pool.open == 0


async def test_the_oldest_connection_goes_first(native: Callable[..., HttpClient]) -> None:
    """Beyond the cap on open connections the one kept longest is closed, whatever destination."""
    transport = native(max_open=2)

    async with (
        SocketServer(says(OK)) as first,
        SocketServer(says(OK)) as second,
        SocketServer(says(OK)) as third,
    ):
        for server in (first, second, third):
            await attempt(transport, server.url)
        await wait_until(lambda: first.open == 0, "the oldest is closed")

        assert (second.open, third.open) == (1, 1)
        assert transport.pool.open == 2


async def test_more_in_use_than_the_cap(native: Callable[..., HttpClient]) -> None:
    """Connections in use are never closed for the cap; they are not kept afterwards."""
    transport = native(max_open=2)

    async with SocketServer(says(OK)) as server:
        results = await asyncio.gather(*(attempt(transport, server.url) for _ in range(10)))

        assert {result.outcome for result in results} == {Outcome.DELIVERED}
        await wait_until(lambda: transport.pool.open == 2, "those beyond the cap are closed")


async def test_a_closed_transport_keeps_nothing(native: Callable[..., HttpClient]) -> None:
    """An exchange that ends after the transport was closed closes its connection."""
    transport = native()

    async with SocketServer(says(OK)) as server:
        running = asyncio.create_task(attempt(transport, server.url))
        await wait_until(lambda: server.connections == 1, "it is under way")
        await transport.aclose()

        assert (await running).outcome is Outcome.DELIVERED
        await wait_until(lambda: server.open == 0, "the connection is closed")


async def test_what_is_sent(transport: HttpClient) -> None:
    """A request goes out as it was given, with Host and Content-Length and nothing else added."""
    headers = [(b"X-One", b"1"), (b"x-one", b"2"), (b"Content-Type", b"text/plain")]

    async with SocketServer(says(OK)) as server:
        url = f"{server.url}a%20b/c?q=%C3%A9&r=a+b#fragment"
        await attempt(transport, url, method="Patch", headers=headers, body=b"\0\r\nbody")

    assert server.requests == [
        b"PATCH /a%%20b/c?q=%%C3%%A9&r=a+b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-One: 1\r\n"
        b"x-one: 2\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n\0\r\nbody" % server.port
    ]


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("GET", None, b""),
        ("DELETE", None, b""),
        ("POST", None, b"\r\nContent-Length: 0"),
        ("GET", b"ab", b"\r\nContent-Length: 2"),
        ("POST", b"", b"\r\nContent-Length: 0"),
    ],
)
async def test_the_frame(
    transport: HttpClient, method: str, body: bytes | None, framing: bytes
) -> None:
    """No body has a length where a method means one, and any method may have a body."""
    async with SocketServer(says(OK)) as server:
        await attempt(transport, server.url, method=method, body=body)

    head = b"%b / HTTP/1.1\r\nHost: 127.0.0.1:%d%b\r\n\r\n"
    assert server.requests == [head % (method.encode(), server.port, framing) + (body or b"")]


URLS = st.text("abAB01-._~!$&'()*+,;=:@/?%[]|\\^`{} #é", max_size=20)


@given(path=URLS, scheme=st.sampled_from(["http", "https"]), port=st.sampled_from(["", ":8080"]))
def test_the_short_way_of_reading_a_url(path: str, scheme: str, port: str) -> None:
    """A URL comes to the same whether it is plain enough for the short way or not."""
    url = f"{scheme}://example.com{port}/{path}"
    assert read_target(url) == target_of(url)


HOSTS = [
    "example.com", "EXAMPLE.com.", "bücher.example", "127.0.0.1", "127.1", "[::1]", "a@b.c",
    "[fe80::1%25lo]",
]  # fmt: skip


@given(path=URLS, host=st.sampled_from(HOSTS), port=st.sampled_from(["", ":80", ":8080", ":"]))
def test_urls_are_read_as_others_read_them(path: str, host: str, port: str) -> None:
    """A URL leads where httpx would take it, escapes and dot segments included."""
    url = f"http://{host}{port}/{path}"
    target, other = target_of(url), httpx.URL(url)

    assert target.destination == ("http", other.raw_host.decode(), other.port or 80)
    assert (target.authority, target.path) == (other.netloc, other.raw_path)


ODD_URLS = [
    "http://1.2.3.400/", "http://[::1/", "http://[::zz]/", "http://a:b/", "http://a:70000/",
    "http://a:0/", "http:///x", "http://@/", "http://a@b@c/", "http://①.②/",
    "http://a\nb/", "http://\ud800/", "http://a/\ud800", "x",
]  # fmt: skip


@pytest.mark.parametrize("url", ODD_URLS)
def test_what_is_no_url(url: str) -> None:
    """What has no host or port that one could connect to is an error, not a guess."""
    with pytest.raises(InvalidUrlError):
        target_of(url)


class Progress:
    """As a delivery has one."""

    phase = ""
    address: str | None = None
    first_byte_at = 0.0


BREAKING = {
    "value with a line end": (b"X", b"a\r\nX-Evil: 1"),
    "value with a bare line feed": (b"X", b"a\nX-Evil: 1"),
    "value with a bare return": (b"X", b"a\rb"),
    "value with a zero": (b"X", b"a\0b"),
    "name with a blank": (b"X Y", b"a"),
    "name with a colon": (b"X:Y", b"a"),
    "name with a line end": (b"X\r\nY", b"a"),
    "no name": (b"", b"a"),
    "another length": (b"Content-Length", b"1"),
    "chunked": (b"transfer-encoding", b"chunked"),
}


@pytest.mark.parametrize("header", BREAKING.values(), ids=BREAKING)
def test_a_header_that_breaks_out(header: tuple[bytes, bytes]) -> None:
    """What would be read as another header, or another request, is not sent."""
    request = Request("POST", "http://example.com/", [header], b"body", Progress())

    with pytest.raises(UnsendableRequestError):
        encode_outgoing(request)


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\nX: ", "G T", "GÉT"])
def test_a_method_that_is_no_word(method: str) -> None:
    """A method that is not a word of HTTP is not sent."""
    request = Request(method, "http://example.com/", [], None, Progress())

    with pytest.raises(UnsendableRequestError):
        encode_outgoing(request)


@pytest.mark.parametrize("url", ["ftp://example.com/", "http:///x", "/x", "mailto:a@b"])
async def test_other_urls(transport: HttpClient, url: str) -> None:
    """A URL that is not http or https, or names no host, ends as a protocol error."""
    result = await attempt(transport, url)

    assert result.outcome is Outcome.PROTOCOL_ERROR


async def test_a_long_query_is_read_at_once(transport: HttpClient) -> None:
    """A character that is not plain, behind thousands that are, holds nobody up."""
    query = "and+all+the+others+" * 1000

    async with SocketServer(says(OK)) as server:
        result = await attempt(transport, f"{server.url}hook?q={query}O'Brien\"")

    assert result.outcome is Outcome.DELIVERED
    assert b"O'Brien%22" in server.requests[0]


async def test_a_coded_response_is_kept_as_it_came(transport: HttpClient) -> None:
    """The Content-Encoding of a response is ignored: the status decides."""
    coded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"

    async with SocketServer(says(coded)) as server:
        result = await attempt(transport, server.url)

    assert result == Result(Outcome.DELIVERED, 200, b"plain")


async def test_many_at_once(transport: HttpClient) -> None:
    """Each of many requests at once gets its own response."""
    async with SocketServer(says(OK)) as server:
        results = await asyncio.gather(*(attempt(transport, server.url) for _ in range(100)))

    assert results == [Result(Outcome.DELIVERED, 200, b"ok")] * 100
    assert len(server.requests) == 100
