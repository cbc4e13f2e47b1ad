from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from queue_testing import wait_until

from .conftest import Api

MIB = 1 << 20
JSON = {"content-type": "application/json"}
HEAD = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNK = b"10000\r\n" + b" " * 65536 + b"\r\n"


async def status_of(api: Api, *parts: bytes) -> bytes:
    """Send parts one after the other and return the status line, without an end having come."""
    async with api.connection() as (reader, writer):
        for part in parts:
            writer.write(part)
        return await asyncio.wait_for(reader.readline(), 10)


async def test_a_body_is_refused_while_it_is_read(api: Api) -> None:
    """A chunked body is refused as soon as it passes API_MAX_BODY, before its end has come."""
    status = await status_of(api, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[CHUNK] * 17)

    assert status.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("more", [b"", b"Expect: 100-continue\r\n"])
async def test_a_declared_body_is_refused_before_it_is_read(api: Api, more: bytes) -> None:
    """A body that says it is too large is refused at once, with no 100 Continue."""
    status = await status_of(api, HEAD + more + b"Content-Length: 1048577\r\n\r\n")

    assert status.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
@pytest.mark.parametrize("content_type", [b"application/json", b"text/csv"])
async def test_a_client_that_goes_on_sending_gets_its_response(
    api: Api, connection: bytes, content_type: bytes
) -> None:
    """A client that reads only after sending a refused body gets the response, not a reset."""
    head = HEAD.replace(b"application/json", content_type)
    async with api.connection() as (reader, writer):
        writer.write(head + connection + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(320):
            writer.write(CHUNK)
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        status = await asyncio.wait_for(reader.readline(), 10)

    assert status.startswith(b"HTTP/1.1 413 " if b"json" in content_type else b"HTTP/1.1 415 ")


async def test_an_endless_body_is_cut_off(api: Api) -> None:
    """The connection of a client whose body never ends is closed."""
    async with api.connection() as (reader, writer):
        writer.write(HEAD + b"Content-Length: 9999999\r\n\r\n")
        response = await asyncio.wait_for(reader.read(), 20)

    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in response


async def test_a_body_as_large_as_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    """API_MAX_BODY is the largest body that is read, to the byte."""
    begin, end = b'{"url": "http://localhost:9/", "body": "', b'"}'
    size = MIB - len(begin) - len(end)

    async def chunks() -> AsyncIterator[bytes]:
        yield begin + b"x" * size
        yield end

    assert (await client.post("/api/v1/tasks", content=chunks(), headers=JSON)).status_code == 201
    larger = begin + b"x" * (size + 1) + end
    assert (await client.post("/api/v1/tasks", content=larger, headers=JSON)).status_code == 413


async def test_the_limit_is_a_setting(api_at: Api) -> None:
    """API_MAX_BODY sets the limit, in units or bytes, and the response names it."""
    api_at.environment["API_MAX_BODY"] = "2KiB"
    api_at.start()
    await api_at.until_alive()
    async with httpx.AsyncClient(base_url=api_at.url) as client:
        response = await client.post("/api/v1/tasks", json={"url": "http://x/", "body": "x" * 2048})

    assert response.status_code == 413
    assert "2048 bytes, which is API_MAX_BODY" in response.json()["detail"]


async def test_a_client_that_goes_away_is_no_fault_of_ours(api_at: Api) -> None:
    """A connection that is closed within a body leaves no error in the log."""
    api_at.start()
    await api_at.until_alive()
    async with api_at.connection() as (reader, writer):
        writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(b"{")
    api_at.terminate()

    assert await api_at.until_ended() == 0
    await wait_until(lambda: "Finished server process" in api_at.log(), "the log is whole")
    assert '"level":"error"' not in api_at.log()
