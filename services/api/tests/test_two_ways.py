"""The fast path and FastAPI in a real process: their responses do not differ."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable

import httpx
import pytest

from queue_testing import RedisServer, free_port, wait_until
from queue_testing.telemetry.collector import Collector
from queue_testing.telemetry.seen_spans import SeenSpan

from .conftest import Api
from .hand_driven import BODY, request

VARIES = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|[A-Z][a-z]{2}, .* GMT")
BY_ROUTE = b"Proxy-Connection: keep-alive"
"""A header that says nothing new, and that the fast path leaves to the parser."""
TRACE = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"
REQUESTS = {
    "plain": ((), BODY),
    "typed": ((b"Content-Type: application/json",), BODY),
    "with a charset": ((b"Content-Type: application/json; charset=utf-8",), BODY),
    "kept alive": ((b"Connection: keep-alive",), BODY),
    "in a trace": ((TRACE + b"0", b"baggage: a=1"), BODY),
    "in a recorded trace": ((TRACE + b"1", b"tracestate: a=1"), BODY),
    "large": ((), b'{"url":"http://localhost:9/","body":"%b"}' % (b"x" * 60000)),
    "no body": ((), b""),
    "no JSON": ((), b"{"),
    "no UTF-8": ((), b'{"url":"\xff"}'),
    "mistakes": ((), b'{"url":"ftp://x","method":5,"headers":{"Host":"x"}}'),
    "another type": ((b"Content-Type: text/csv",), BODY),
    "from another site": ((b"Sec-Fetch-Site: cross-site",), BODY),
    "compressed": ((b"Content-Encoding: gzip",), BODY),
}


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """Read one response."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return head + await reader.readexactly(int(length[1]))


async def answers_to(api: Api, raw: bytes) -> list[bytes]:
    """Send a request twice on one connection, and return what does not vary of the responses."""
    async with api.connection() as (reader, writer):
        responses = []
        for _ in range(2):
            writer.write(raw)
            responses.append(VARIES.sub(b"~", await answer_of(reader)))
        return responses


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_ways_respond_alike(api: Api, name: str) -> None:
    """A response is the application's to the byte, except for ids and the date."""
    headers, body = REQUESTS[name]
    fast = await answers_to(api, request(b"X-Way: the fast path      ", *headers, body=body))
    route = await answers_to(api, request(BY_ROUTE, *headers, body=body))

    assert fast == route
    assert fast[0] == fast[1]


@pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE])
async def test_a_posting_client_may_close_its_half(api: Api, way: bytes) -> None:
    """A client that closes its half after its request gets the response, then we close."""
    async with api.connection() as (reader, writer):
        writer.write(request(way))
        writer.write_eof()
        response = await asyncio.wait_for(reader.read(), 10)

    assert response.startswith(b"HTTP/1.1 201 ")


async def test_a_client_that_pipelines_gets_responses_in_order(api: Api) -> None:
    """Requests of all kinds sent in one go get their responses one by one, in their order."""
    get = b"GET /version HTTP/1.1\r\nHost: api\r\n\r\n"
    async with api.connection() as (reader, writer):
        writer.write(request() + get + request() + request(body=b"{") + request())
        responses = [await answer_of(reader) for _ in range(5)]

    statuses = [int(response.split(b" ", 2)[1]) for response in responses]
    assert statuses == [201, 200, 201, 400, 201]


@pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE])
async def test_a_stop_waits_for_redis(
    api_at: Api, start_server: Callable[..., RedisServer], way: bytes
) -> None:
    """A task that is on its way to Redis when SIGTERM comes is stored and gets its response."""
    server = start_server()
    await api_at.start_on(server)
    async with api_at.connection() as (reader, writer):
        writer.write(request(way))
        await answer_of(reader)
        os.kill(server.pid, signal.SIGSTOP)
        writer.write(request(way))
        await in_the_apis_hands(api_at)
        api_at.terminate()
        await wait_until(lambda: "Shutting down" in api_at.log(), "the API has the signal")
        os.kill(server.pid, signal.SIGCONT)
        response = await asyncio.wait_for(reader.read(), 10)

    assert response.startswith(b"HTTP/1.1 201 ")
    assert await api_at.until_ended() == 0
    assert '"level":"error"' not in api_at.log()


async def in_the_apis_hands(api: Api) -> None:
    """Wait until the API has read all bytes: it reads in order, and responds later."""
    async with httpx.AsyncClient() as client:
        await client.get(f"{api.url}/health")


@pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE])
async def test_a_redis_that_dies_under_a_task_is_503(
    api_at: Api, start_server: Callable[..., RedisServer], way: bytes
) -> None:
    """If Redis dies with a task, the client gets a 503 with Retry-After and stays connected."""
    server = start_server()
    await api_at.start_on(server)
    async with api_at.connection() as (reader, writer):
        os.kill(server.pid, signal.SIGSTOP)
        writer.write(request(way))
        await in_the_apis_hands(api_at)
        server.kill()
        refused = await answer_of(reader)
        server.start()
        writer.write(request(way))
        taken = await answer_of(reader)

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: " in refused
    assert taken.startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("way", [b"X-Way: fast", BY_ROUTE])
async def test_a_client_that_resets_is_no_fault_of_ours(api_at: Api, way: bytes) -> None:
    """Clients that disconnect early cause no error in the log, and their tasks are kept."""
    api_at.start()
    await api_at.until_alive()
    for _ in range(20):
        async with api_at.connection() as (_, writer):
            writer.write(request(way))
            await writer.drain()
            writer.transport.abort()
    await wait_until(lambda: api_at.log().count("Task enqueued") == 20, "the tasks are there")
    api_at.terminate()

    assert await api_at.until_ended() == 0
    assert '"level":"error"' not in api_at.log()
    assert "Traceback" not in api_at.log()


async def test_both_ways_make_the_same_spans(api_at: Api) -> None:
    """A recorded request has the same spans with the same attributes, whichever way it took."""
    async with Collector() as collector:
        api_at.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        api_at.environment["OTEL_BSP_SCHEDULE_DELAY"] = "50"
        api_at.start()
        await api_at.until_alive()
        for way in (b"X-Way: fast", BY_ROUTE):
            await answers_to(api_at, request(way, TRACE + b"1", b"User-Agent: test/1"))
        await wait_until(lambda: len(collector.spans) == 8, "the spans are there")
        api_at.terminate()
        await api_at.until_ended()

    told = [without_ids(span) for span in collector.spans]
    assert {span[0] for span in told} == {
        "POST /api/v1/tasks",
        f"send {api_at.environment['QUEUE_NAME']}",
    }
    for span in told:
        assert told.count(span) == 4


def without_ids(span: SeenSpan) -> tuple[str, str, str, dict[str, object]]:
    """Return what does not vary of a span."""
    varies = {"messaging.message.id", "task_id"}
    kept = {name: value for name, value in span.attributes.items() if name not in varies}
    return span.name, span.kind, span.trace_id, kept


async def test_both_ways_are_counted(api_at: Api) -> None:
    """A request is one in the metrics, whichever way it took."""
    port = free_port()
    api_at.environment["METRICS_PORT"] = str(port)
    api_at.start()
    await api_at.until_alive()
    for way in (b"X-Way: fast", BY_ROUTE):
        await answers_to(api_at, request(way))
        await answers_to(api_at, request(way, body=b"{}"))
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text

    counted = re.findall(r'duration_seconds_count{.*"POST".*_code="(\d+)".*} (\S+)', page)
    assert dict(counted) == {"201": "4.0", "422": "4.0"}
