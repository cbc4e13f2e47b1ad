"""A client's context on its way through the real processes to the destination."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queue_common.tracing.context import TraceContext, read_context
from queue_testing import RedisServer, free_port, wait_until
from queue_testing.network.socket_server import Peer, SocketServer
from queue_testing.receiver import Received, Receiver
from queue_testing.telemetry.collector import Collector

from .traced_system import TracedSystem, traced_system

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def context_of(request: Received) -> TraceContext:
    context = read_context({name.lower(): value for name, value in request.headers.items()})
    assert context is not None
    return context


async def test_a_clients_context_reaches_the_destination(
    tmp_path: Path, redis_server: RedisServer, receiver: Receiver
) -> None:
    """Client, API, worker and destination are in one trace; tracestate and baggage come along.

    Log lines and spans of an attempt name the same ids, and no secret is in a span.
    """
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1", "baggage": "user=7"}
    async with (
        Collector() as collector,
        traced_system(
            tmp_path, redis_server, collector.url, TRACE_URL_TEMPLATE="http://j/{trace_id}"
        ) as system,
    ):
        task = await system.post({"url": f"{receiver.url}/hook?token=s3cret"}, **sent)
        found = await system.until(task["task_id"], "delivered")
        (request,) = await wait_until(lambda: collector.named("POST"), "the request is seen")
        (process,) = await wait_until(
            lambda: collector.named(f"process {system.queue}"), "the attempt is seen"
        )
        (accepted,) = system.lines("queue-api", "Task enqueued successfully")
        (attempted,) = await wait_until(
            lambda: system.lines("queue-worker", "delivery.attempted"), "the attempt is told"
        )
        await wait_until(lambda: len(collector.named("GET /api/v1/tasks/{task_id}")), "GETs")
    handed = context_of(receiver.requests[0])

    assert (task["trace_id"], task["trace_url"]) == (TRACE, f"http://j/{TRACE}")
    assert (found["trace_id"], found["trace_url"]) == (TRACE, f"http://j/{TRACE}")
    assert handed == TraceContext(TRACE, request.span_id, 1, "a=1", "user=7")
    assert accepted["trace_id"] == attempted["trace_id"] == TRACE
    assert attempted["span_id"] == process.span_id
    assert "s3cret" not in repr(collector.spans)
    assert "in-the-query" not in repr(collector.spans)


@pytest.mark.parametrize(("flags", "rate"), [("00", "50"), (None, "0")], ids=["client", "limit"])
async def test_an_unrecorded_trace_travels_all_the_same(
    tmp_path: Path, redis_server: RedisServer, receiver: Receiver, flags: str | None, rate: str
) -> None:
    """A trace that the client, or the rate limit, does not record reaches the destination."""
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-{flags}"} if flags else {}
    async with (
        Collector() as collector,
        traced_system(tmp_path, redis_server, collector.url, TRACE_RATE_LIMIT=rate) as system,
    ):
        task = await system.post({"url": f"{receiver.url}/hook"}, **sent)
        await system.until(task["task_id"], "delivered")
    handed = context_of(receiver.requests[0])

    assert (handed.trace_id, handed.flags) == (task["trace_id"], 0)
    assert (handed.trace_id == TRACE) is (flags is not None)
    assert [span for span in collector.spans if span.trace_id == task["trace_id"]] == []


async def test_ids_travel_without_a_collector(
    tmp_path: Path, redis_server: RedisServer, receiver: Receiver
) -> None:
    """With no endpoint at all the client's decision and ids reach the destination."""
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    async with traced_system(tmp_path, redis_server, endpoint="") as system:
        task = await system.post({"url": f"{receiver.url}/hook"}, **sent)
        await system.until(task["task_id"], "delivered")
    handed = context_of(receiver.requests[0])

    assert (handed.trace_id, handed.flags) == (TRACE, 1)
    assert handed.span_id != SPAN


async def hold(peer: Peer) -> None:
    """Read everything and never respond."""
    await peer.hold()


async def works_and_stops(system: TracedSystem, receiver: Receiver) -> None:
    """Deliver a task, and see that both processes end in order."""
    task = await system.post({"url": f"{receiver.url}/hook"})
    await system.until(task["task_id"], "delivered")

    assert [await system.stop(name) for name in ("queue-api", "queue-worker")] == [0, 0]
    for name in ("queue-api", "queue-worker"):
        assert "opentelemetry" not in system.log(name)
        assert "Traceback" not in system.log(name)


async def test_a_collector_that_hangs_stops_nobody(
    tmp_path: Path, redis_server: RedisServer, receiver: Receiver
) -> None:
    """Even if the collector never responds, tasks are delivered and the processes stop in order."""
    async with (
        SocketServer(hold) as server,
        traced_system(tmp_path, redis_server, server.url) as system,
    ):
        await works_and_stops(system, receiver)

        assert server.connections > 0


async def test_a_collector_that_is_away_stops_nobody(
    tmp_path: Path, redis_server: RedisServer, receiver: Receiver
) -> None:
    """With nobody listening at the endpoint tasks are delivered and the processes end in order."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    async with traced_system(tmp_path, redis_server, endpoint) as system:
        await works_and_stops(system, receiver)
