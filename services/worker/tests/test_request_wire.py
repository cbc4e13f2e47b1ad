"""A delivery's request, byte by byte as it goes over the wire."""

from __future__ import annotations

import os

import pytest

from queue_common.task import Outcome, TaskId
from queue_common.tracing.context import TraceContext
from queue_testing.network.socket_server import SocketServer, says
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt.deliver import USER_AGENT, Deliverer
from queue_worker.transport import HttpClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
TRACED = TraceContext(a_context().trace_id, a_context().span_id, 1, "a=1", "user=7")

# What the task says of headers; what of it is sent, and before which of the worker's own.
OWN: dict[str, tuple[dict[str, str], bytes]] = {
    "none": ({}, b"User-Agent: %b\r\n" % USER_AGENT),
    "in their order and spelling": (
        {"x-b": "2", "X-A": "1"},
        b"x-b: 2\r\nX-A: 1\r\nUser-Agent: %b\r\n" % USER_AGENT,
    ),
    "beyond ASCII": ({"X": "ä€"}, b"X: \xc3\xa4\xe2\x82\xac\r\nUser-Agent: %b\r\n" % USER_AGENT),
    "an empty one": ({"X": ""}, b"X: \r\nUser-Agent: %b\r\n" % USER_AGENT),
    "an agent of its own": ({"uSER-aGENT": "mine"}, b"uSER-aGENT: mine\r\n"),
    "in two spellings": (
        {"X": "1", "x": "2", "User-Agent": ""},
        b"X: 1\r\nx: 2\r\nUser-Agent: \r\n",
    ),
    "the worker's": (
        {"X-TASK-ID": "1", "A": "b", "TraceParent": "2", "tracestate": "3", "x-task-attempt": "4"},
        b"A: b\r\nUser-Agent: %b\r\n" % USER_AGENT,
    ),
}


@pytest.mark.parametrize(("headers", "sent"), OWN.values(), ids=OWN)
async def test_the_tasks_headers_on_the_wire(
    transport: HttpClient, headers: dict[str, str], sent: bytes
) -> None:
    """A task's headers go between Host and the worker's own, unchanged, the length at the end."""
    async with SocketServer(says(OK)) as server:
        task = a_task(f"{server.url}hook?a=b%20c", headers=headers, body=b"body")
        attempt = await Deliverer(transport, timeout_seconds=10).deliver(
            TaskId("id-1"), task, 7, TRACED
        )

    assert attempt.outcome is Outcome.DELIVERED
    assert server.requests == [
        b"POST /hook?a=b%%20c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%bX-Task-Id: id-1\r\n"
        b"X-Task-Attempt: 7\r\ntraceparent: %b\r\ntracestate: a=1\r\nbaggage: user=7\r\n"
        b"Content-Length: 4\r\n\r\nbody" % (server.port, sent, TRACED.traceparent.encode())
    ]


BREAKING: dict[str, tuple[str, dict[str, str]]] = {
    "value with a line end": ("id", {"X": "a\r\nX-Evil: 1"}),
    "value with a bare line feed": ("id", {"X": "a\nX-Evil: 1"}),
    "value with a bare return": ("id", {"X": "a\rb"}),
    "value with a zero": ("id", {"X": "a\0b"}),
    "name with a line end": ("id", {"X: 1\r\nY": "a"}),
    "name with a colon": ("id", {"X: Y": "a"}),
    "no name": ("id", {"": "a"}),
    "another length": ("id", {"Content-Length": "3"}),
    "the same length twice": ("id", {"Content-Length": "1"}),
    "chunked": ("id", {"Transfer-Encoding": "chunked"}),
    "an id with a line end": ("id\r\nX-Evil: 1", {}),
}


@pytest.mark.parametrize(("task_id", "headers"), BREAKING.values(), ids=BREAKING)
async def test_what_would_break_out_is_not_sent(
    transport: HttpClient, task_id: str, headers: dict[str, str]
) -> None:
    """What would be read as another header, or another request, ends the attempt unsent."""
    async with SocketServer(says(OK)) as server:
        attempt = await Deliverer(transport, timeout_seconds=10).deliver(
            TaskId(task_id), a_task(server.url, headers=headers), 1, a_context()
        )

    assert attempt.outcome is Outcome.PROTOCOL_ERROR
    assert server.requests == []


@pytest.mark.parametrize("size", [16_384, 16_385, 65_537, 3_000_000])
async def test_a_body_of_any_size_arrives_whole(transport: HttpClient, size: int) -> None:
    """A body that goes out in portions is the body that was given, and another request follows."""
    body = os.urandom(size)
    async with SocketServer(says(OK)) as server:
        task = a_task(server.url, body=body)
        for number in (1, 2):
            attempt = await Deliverer(transport, timeout_seconds=10).deliver(
                TaskId("id-1"), task, number, TRACED
            )
            assert attempt.outcome is Outcome.DELIVERED

    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [body, body]
