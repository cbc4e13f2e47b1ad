"""Batches at the limits of connections: what is stored has its line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from queue_testing import free_port, wait_until

from .conftest import Api
from .test_limits import refused

BATCH = "/api/v1/tasks/batch"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
TASK = json.dumps({"url": "http://localhost:9/x", "delay": "1h"}).encode() + b"\n"
LARGE = json.dumps({"url": "http://localhost:9/x", "delay": "1h", "body": "x" * 5000}).encode()
HEAD = b"POST /api/v1/tasks/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SECONDS = 20


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


@pytest.fixture
async def small(api_at: Api) -> Api:
    """An API that buffers 1 MiB."""
    api_at.environment.update(API_MAX_BUFFERED="1MiB", METRICS_PORT=str(free_port()))
    api_at.start()
    await api_at.until_alive()
    return api_at


async def stored(api: Api) -> int:
    """The number of tasks that are stored."""
    async with httpx.AsyncClient(base_url=api.url) as client:
        return int((await client.get("/api/v1/lanes/localhost:9")).json()["scheduled"])


def one_is_stored(api: Api) -> Callable[[], object]:
    async def is_stored() -> bool:
        return await stored(api) == 1

    return is_stored


async def begin_batch(api: Api, writer: asyncio.StreamWriter) -> None:
    """Send the first task of a batch, and wait until it is stored."""
    writer.write(CHUNKED + chunk(TASK))
    await wait_until(one_is_stored(api), "the first task is stored")


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, list[dict[str, object]]]:
    """Return the status of a response and the lines of its body."""
    async with asyncio.timeout(SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
    return int(head.split()[1]), [json.loads(line) for line in body.splitlines()]


async def test_lines_may_be_more_than_is_buffered(small: Api) -> None:
    """NDJSON over API_MAX_BUFFERED, within API_MAX_BATCH, is stored as a whole."""
    content = (LARGE + b"\n") * 1000
    async with httpx.AsyncClient(base_url=small.url, timeout=SECONDS) as client:
        response = await client.post(BATCH, content=content, headers=NDJSON)

    assert response.status_code == 200
    assert [json.loads(line)["status"] for line in response.text.splitlines()] == [201] * 1000
    assert await stored(small) == 1000


@pytest.mark.parametrize("declared", [True, False])
async def test_an_array_is_at_most_what_is_buffered(small: Api, declared: bool) -> None:
    """An array over API_MAX_BUFFERED is 413 as a whole, as it can never be taken."""
    content = b"[" + b",".join([LARGE] * 250) + b"]"

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    async with httpx.AsyncClient(base_url=small.url, timeout=SECONDS) as client:
        sent = content if declared else pieces()
        response = await client.post(BATCH, content=sent, headers=JSON)

    assert response.status_code == 413
    assert "API_MAX_BUFFERED" in response.json()["detail"]
    assert response.json()["type"] == "urn:queue-system:problem:body-too-large"
    assert "retry-after" not in response.headers


async def test_a_batch_that_makes_room_has_its_lines(small: Api) -> None:
    """A batch that is refused because others fill API_MAX_BUFFERED tells what is stored."""
    async with small.connection() as (reader, writer), small.connection() as (_, other):
        await begin_batch(small, writer)
        writer.write(chunk(b'{"body": "' + b"x" * 700_000))
        await writer.drain()
        other.write(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000)
        await other.drain()
        status, lines = await answer_of(reader)
        writer.write(
            chunk(b"x" * 100_000) + b"0\r\n\r\n" + b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        following = await asyncio.wait_for(reader.readline(), SECONDS)

    assert (status, [line["status"] for line in lines]) == (200, [201, 503])
    assert lines[1]["retry_after"] == 1
    assert "this one and all behind it were not read" in str(lines[1]["problem"])
    assert following.startswith(b"HTTP/1.1 200 ")
    assert await refused(small, "buffered")


async def test_unfinished_lines_are_buffered(small: Api) -> None:
    """Lines without an end count, so that many clients together cannot fill the memory."""
    head = HEAD + b"Content-Length: 1000000\r\n\r\n"
    async with small.connection() as (first, one), small.connection() as (_, two):
        one.write(head + b" " * 700_000)
        await one.drain()
        two.write(head + b" " * 500_000)
        await two.drain()
        status = await asyncio.wait_for(first.readline(), SECONDS)

    assert status.startswith(b"HTTP/1.1 503 ")


async def test_a_slow_batch_has_its_lines(api_at: Api) -> None:
    """A batch that becomes too slow tells what is stored, and the connection is closed."""
    api_at.environment["API_BODY_TIMEOUT"] = "1s"
    api_at.start()
    await api_at.until_alive()
    async with api_at.connection() as (reader, writer):
        await begin_batch(api_at, writer)
        status, lines = await answer_of(reader)
        rest = await asyncio.wait_for(reader.read(), SECONDS)

    assert (status, [line["status"] for line in lines], rest) == (200, [201, 408], b"")


async def test_a_batch_that_turns_to_garbage_has_its_lines(api_at: Api) -> None:
    """A batch that violates HTTP/1.1 tells what is stored, and the connection is closed."""
    api_at.start()
    await api_at.until_alive()
    async with api_at.connection() as (reader, writer):
        await begin_batch(api_at, writer)
        writer.write(b"no length\r\n")
        status, lines = await answer_of(reader)
        rest = await asyncio.wait_for(reader.read(), SECONDS)

    assert (status, [line["status"] for line in lines], rest) == (200, [201, 400], b"")


async def test_a_batch_without_its_client_is_logged(api_at: Api) -> None:
    """If the client goes away, the log says how many tasks of the batch are stored."""
    api_at.start()
    await api_at.until_alive()
    async with api_at.connection() as (_, writer):
        await begin_batch(api_at, writer)
    await wait_until(lambda: "Batch enqueued" in api_at.log(), "the batch is logged")

    assert '"created":1' in api_at.log().replace(" ", "")


async def test_a_large_body_is_refused_once(small: Api) -> None:
    """A request that is refused in the middle of a large body leaves no error in the log."""
    head = HEAD.replace(b"x-ndjson", b"json") + b"Transfer-Encoding: chunked\r\n\r\n"
    async with small.connection() as (reader, writer):
        writer.write(head + b"%x\r\n" % 2_000_000 + b" " * 2_000_000)
        response = await asyncio.wait_for(reader.readline(), SECONDS)

    assert response.startswith(b"HTTP/1.1 413 ")
    assert "write_eof" not in small.log()
