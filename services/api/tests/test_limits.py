"""What a client may send, and how long it may take, at a real process."""

from __future__ import annotations

import asyncio
import re
import resource
from contextlib import suppress

import httpx
import pytest

from queue_testing import free_port

from .conftest import Api
from .hand_driven import BODY, REQUEST, request

GET = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
POST_HEAD = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def strict(api_at: Api) -> Api:
    """An API with small limits."""
    api_at.environment.update(
        API_HEAD_TIMEOUT="300ms", API_BODY_TIMEOUT="300ms", API_MAX_BUFFERED="1MiB",
        API_MAX_CONNECTIONS="20", METRICS_PORT=str(free_port()),
    )  # fmt: skip
    api_at.start()
    await api_at.until_alive()
    return api_at


async def refused(api: Api, reason: str) -> bool:
    """Whether a refusal for this reason was counted."""
    async with httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{api.environment['METRICS_PORT']}/metrics"
        page = (await client.get(url)).text
    return f'queue_api_refusals_total{{reason="{reason}"}}' in page


async def said(api: Api, *parts: bytes) -> list[int]:
    """Send parts and return the statuses of all responses until the API closes."""
    async with api.connection() as (reader, writer):
        for part in parts:
            writer.write(part)
        seen = await asyncio.wait_for(reader.read(), 20)
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", seen)]


@pytest.mark.parametrize(
    "sent",
    [b"GET /" + b"a" * 40000, GET[:-2] + b"X: " + b"b" * 40000, GET[:-2] + b"X: y\r\n" * 8000],
    ids=["target", "header", "headers"],
)
async def test_a_head_without_end_is_refused(strict: Api, sent: bytes) -> None:
    """A head over API_MAX_HEAD is 431 before its end has come, and the connection is closed."""
    assert await said(strict, sent) == [431]
    assert await refused(strict, "head_too_large")


@pytest.mark.parametrize("sent", [b"X: " + b"b" * 700000, b"X: y\r\n" * 120000])
async def test_trailers_without_end_are_refused(strict: Api, sent: bytes) -> None:
    """Trailers over API_MAX_HEAD end the connection, before or after the response."""
    chunked = b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n"
    assert await said(strict, POST_HEAD + chunked + b"0\r\n" + sent) == [431]

    async with strict.connection() as (reader, writer):
        writer.write(b"POST /version HTTP/1.1\r\nHost: x\r\n" + chunked)
        await reader.readuntil(b"HTTP/1.1 405 ")
        writer.write(b"0\r\n" + sent)
        with suppress(ConnectionResetError):
            assert b"HTTP/1.1" not in await asyncio.wait_for(reader.read(), 20)


async def test_a_trailer_is_no_header(api: Api) -> None:
    """What stands behind a body says nothing of the request."""
    head = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    body = b"Connection: close\r\n\r\n%x\r\n%b\r\n" % (len(BODY), BODY)
    trailer = b"0\r\nContent-Type: application/json\r\n\r\n"

    assert await said(api, head + body + trailer) == [415]


@pytest.mark.parametrize("sent", [b"G", GET[:-2], POST_HEAD])
async def test_a_slow_head_is_refused(strict: Api, sent: bytes) -> None:
    """A head that is not whole after API_HEAD_TIMEOUT is 408."""
    assert await said(strict, sent) == [408]
    assert await refused(strict, "head_timeout")


async def test_a_silent_connection_is_closed(strict: Api) -> None:
    """A connection on which nothing comes is closed after API_HEAD_TIMEOUT, without a word."""
    assert await said(strict) == []


@pytest.mark.parametrize(
    "sent",
    [
        REQUEST[:-1], POST_HEAD + b"Content-Length: 100000\r\n\r\n{",
        POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", REQUEST + REQUEST[:-1],
    ],
    ids=["fast", "large", "chunked", "second"],
)  # fmt: skip
async def test_a_slow_body_is_refused(strict: Api, sent: bytes) -> None:
    """A body that is slower than API_BODY_TIMEOUT and API_BODY_MIN_RATE allow is 408."""
    assert (await said(strict, sent))[-1] == 408
    assert await refused(strict, "body_timeout")


async def test_the_largest_unfinished_request_makes_room(api_at: Api) -> None:
    """Over API_MAX_BUFFERED the request that holds the most is 503, and small ones continue."""
    api_at.environment.update(API_MAX_BUFFERED="1MiB", METRICS_PORT=str(free_port()))
    api_at.start()
    await api_at.until_alive()
    head = POST_HEAD + b"Content-Length: 1000000\r\n\r\n"
    async with api_at.connection() as (first, one), api_at.connection() as (_, two):
        one.write(head + b" " * 700000)
        await one.drain()
        two.write(head + b" " * 500000)
        await two.drain()
        status = await asyncio.wait_for(first.readline(), 20)
        assert (await said(api_at, request(b"Connection: close"))) == [201]

    assert status.startswith(b"HTTP/1.1 503 ")
    assert await refused(api_at, "buffered")


async def test_connections_over_the_limit_are_told_so(strict: Api) -> None:
    """A connection over API_MAX_CONNECTIONS is 503, those that are open continue."""
    strict.environment["API_HEAD_TIMEOUT"] = "10s"
    async with strict.connection() as (reader, writer):
        writer.write(GET)
        await reader.readline()
        opened = [await asyncio.open_connection("127.0.0.1", strict.port) for _ in range(20)]
        last, _ = opened[-1]
        status = await asyncio.wait_for(last.readline(), 20)
        writer.write(GET)
        assert await asyncio.wait_for(reader.readuntil(b"HTTP/1.1 200 OK"), 20)
        for _, other in opened:
            other.close()

    assert status.startswith(b"HTTP/1.1 503 ")
    assert await refused(strict, "connections")


async def test_more_connections_than_files_are_a_bad_setting(api_at: Api) -> None:
    """API_MAX_CONNECTIONS over the limit of open files ends the process with a sentence."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    api_at.environment["API_MAX_CONNECTIONS"] = str(soft)
    api_at.start()

    assert await api_at.until_ended() == 2
    assert "API_MAX_CONNECTIONS" in api_at.log()


async def test_what_is_sent_too_far_ahead_is_not_read(strict: Api) -> None:
    """With more than API_MAX_PIPELINED waiting, the connection is closed after the response."""
    statuses = await said(strict, REQUEST + GET * 4000)

    assert statuses[0] == 201
    assert len(statuses) < 4000
    assert await refused(strict, "pipelined")


async def test_garbage_after_a_post_is_refused_after_its_response(api: Api) -> None:
    """In one packet: the whole POST gets 201, the garbage 400, then we close."""
    assert await said(api, REQUEST + b"\x00garbage\r\n\r\n") == [201, 400]


@pytest.mark.parametrize("host", [b"", b"Host: x\r\nHost: x\r\n"], ids=["none", "two"])
@pytest.mark.parametrize("line", [b"GET /version HTTP/1.1\r\n", b"POST /api/v1/tasks HTTP/1.1\r\n"])
async def test_a_request_has_one_host(api: Api, host: bytes, line: bytes) -> None:
    """Without Host, or with two, a request is 400 and the connection is closed."""
    assert await said(api, line + host + b"Content-Length: 0\r\n\r\n") == [400]


@pytest.mark.parametrize("path", [b"/api/v1/%74asks", b"/%61pi/v1/tasks", b"/api/v1%2ftasks"])
async def test_an_encoded_path_is_not_the_route(api: Api, path: bytes) -> None:
    """A path is routed as it was written: a proxy in front has judged no other."""
    raw = request(b"Connection: close").replace(b"/api/v1/tasks", path)

    assert await said(api, raw) == [404]


OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAB",
    "last": b"Connection: Upgrade, close\r\nUpgrade: h2c",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket",
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
async def test_an_offer_to_upgrade_is_ignored(
    api: Api, offer: bytes, apart: bool, chunked: bool
) -> None:
    """The request is handled as HTTP/1.1, its body read once, and the connection stays open."""
    plain = GET + REQUEST.replace(b"Host: api", b"Host: api\r\nConnection: close")
    inner = GET + BODY if apart else BODY
    raw = request(offer, body=inner)
    if chunked:
        length = b"Content-Length: %d" % len(inner)
        head = raw.partition(b"\r\n\r\n")[0].replace(length, b"Transfer-Encoding: chunked")
        raw = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    head, end, body = raw.partition(b"\r\n\r\n")
    expected = 400 if apart else 201
    async with api.connection() as (reader, writer):
        writer.write(head + end if apart else raw)
        await writer.drain()
        if apart:
            writer.write(body)
        seen = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        if b"close" not in offer:
            writer.write(plain)
        seen += await asyncio.wait_for(reader.read(), 20)

    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", seen)]
    assert statuses == [expected] if b"close" in offer else [expected, 200, 201]
