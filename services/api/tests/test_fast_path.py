"""What happens to a connection on which tasks are POSTed, step by step."""

from __future__ import annotations

import asyncio
import time

import pytest

from queue_common.errors import ConflictError, QueueUnavailableError
from queue_testing import wait_until

from .hand_driven import REQUEST, Connection, request, teapot

GET = b"GET /health HTTP/1.1\r\nHost: api\r\n\r\n"
LARGE = request(body=b'{"url":"http://localhost:9/","body":"%b"}' % (b"x" * 65536))


async def some_turns() -> None:
    """Let the loop turn twice: a response is written within that."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_plain_post_never_reaches_asgi() -> None:
    """The protocol itself accepts a task and responds; the application is not called."""
    connection = Connection(teapot)
    connection.protocol.data_received(REQUEST)
    assert connection.statuses == []

    connection.queue.reply()
    await connection.until_answered(1)
    assert connection.statuses == [201]
    assert connection.ids == connection.queue.ids
    assert connection.counted(201) == 1
    assert connection.server.total_requests == 1


@pytest.mark.parametrize(
    "other",
    [
        GET, LARGE, request(b"Connection: close"), request(b"Transfer-Encoding: chunked"),
        request(b"Expect: 100-continue"), request(b"Content-Encoding: gzip"),
        request(b"Content-Type: text/csv"), request(b"Upgrade: h2c"),
        REQUEST.replace(b"tasks", b"tasks?a=1"), REQUEST.replace(b"POST", b"PUT"),
        REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"), REQUEST[:20],
    ],
    ids=lambda raw: repr(raw[:40]),
)  # fmt: skip
async def test_all_else_goes_to_the_application(other: bytes) -> None:
    """A request that is not plainly for a task is uvicorn's, and nothing of it is submitted."""
    connection = Connection(teapot)
    connection.protocol.data_received(other)
    connection.protocol.data_received(b"")

    assert connection.queue.ids == []
    assert connection.protocol.scope is not None


async def test_a_request_may_come_in_any_pieces() -> None:
    """A request that arrives in two parts is submitted once and gets one response."""
    connection = Connection()
    for cut in range(1, len(REQUEST)):
        connection.protocol.data_received(REQUEST[:cut])
        connection.protocol.data_received(REQUEST[cut:])
        await connection.until_submitted(cut)
        connection.queue.reply()
        await connection.until_answered(cut)

    assert set(connection.statuses) == {201}
    assert connection.ids == connection.queue.ids


async def test_a_request_lasts_from_its_head_on() -> None:
    """The time for which a body was waited for counts, as it does where uvicorn reads it."""
    connection = Connection()
    connection.protocol.data_received(REQUEST[:-1])
    head_came = time.perf_counter()
    await wait_until(lambda: time.perf_counter() > head_came + 0.05, "a while has passed")
    connection.protocol.data_received(REQUEST[-1:])
    connection.queue.reply()
    await connection.until_answered(1)
    name = "http_server_request_duration_seconds_sum"
    (seconds,) = (
        sample.value
        for family in connection.metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    )

    assert seconds >= 0.05


async def test_a_request_may_come_byte_by_byte() -> None:
    """A request that arrives byte by byte is submitted once and gets one response."""
    connection = Connection()
    for byte in REQUEST * 2:
        connection.protocol.data_received(bytes([byte]))
    await connection.until_submitted(1)
    connection.queue.reply()
    await connection.until_submitted(2)
    connection.queue.reply()
    await connection.until_answered(2)

    assert connection.ids == connection.queue.ids


@pytest.mark.parametrize("cut", range(0, 2 * len(REQUEST), 7))
async def test_pipelined_requests_get_responses_in_order(cut: int) -> None:
    """Pipelined requests are each submitted once, and get their responses in order."""
    connection = Connection()
    behind = REQUEST * 2 + GET
    connection.protocol.data_received(REQUEST)
    connection.protocol.data_received(behind[:cut])
    connection.protocol.data_received(behind[cut:])
    for tasks in (1, 2, 3):
        await connection.until_submitted(tasks)
        connection.queue.reply()
    await connection.until_answered(4)

    assert connection.statuses == [201, 201, 201, 418]
    assert connection.ids == connection.queue.ids


@pytest.mark.parametrize("way", [b"X-Way: short", b"Proxy-Connection: keep-alive"])
@pytest.mark.parametrize("second", [GET, REQUEST], ids=["GET", "POST"])
async def test_nothing_overtakes_a_request(way: bytes, second: bytes) -> None:
    """A response waits until the one before it is sent."""
    connection = Connection()
    connection.protocol.data_received(request(way))
    await connection.until_submitted(1)
    connection.protocol.data_received(second)
    await some_turns()
    before = connection.statuses, len(connection.queue.ids)
    connection.queue.reply()
    await connection.until_answered(1 if second is REQUEST else 2)

    assert before == ([], 1)
    assert connection.statuses[0] == 201


async def test_a_body_that_looks_like_a_request_is_a_body() -> None:
    """What comes within another request's body is never taken for a request for a task."""
    connection = Connection()
    outer = b"PUT /elsewhere HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n" % len(REQUEST)
    connection.protocol.data_received(outer)
    await connection.until_answered(1)
    connection.protocol.data_received(REQUEST)
    connection.protocol.data_received(GET)
    await connection.until_answered(2)

    assert connection.statuses == [418, 418]
    assert connection.queue.ids == []


async def test_a_request_that_meets_the_response_gets_its_own() -> None:
    """A request that arrives between Redis' reply and the response is handled after it."""
    connection = Connection()
    connection.protocol.data_received(REQUEST)
    connection.queue.reply()
    connection.protocol.data_received(REQUEST)
    await connection.until_submitted(2)
    connection.queue.reply()
    await connection.until_answered(2)

    assert connection.ids == connection.queue.ids
    assert connection.counted(201) == 2


async def test_the_short_way_is_open_again_after_another_request() -> None:
    """After a request by uvicorn, a connection can use the fast path again."""
    connection = Connection(teapot)
    connection.protocol.data_received(GET)
    await connection.until_answered(1)
    connection.protocol.data_received(REQUEST)
    connection.queue.reply()
    await connection.until_answered(2)

    assert connection.statuses == [418, 201]


@pytest.mark.parametrize(
    ("error", "status"),
    [(QueueUnavailableError("away"), 503), (ConflictError("other"), 409), (KeyError("bug"), 500)],
)
@pytest.mark.parametrize("way", [b"X-Way: short", b"Proxy-Connection: keep-alive"])
async def test_a_task_that_is_not_stored_is_refused_once(
    error: Exception, status: int, way: bytes
) -> None:
    """A task that Redis refuses gets a problem, is counted, and is not submitted again."""
    connection = Connection()
    connection.protocol.data_received(request(way))
    await connection.until_submitted(1)
    connection.queue.reply(error)
    await connection.until_answered(1)

    assert connection.statuses == [status]
    assert b"application/problem+json" in connection.wire.written
    assert len(connection.queue.ids) == 1
    assert connection.counted(status) == 1


@pytest.mark.parametrize("body", [b"", b"{", b'{"url":1}', b"\xff"], ids=repr)
async def test_a_body_that_is_no_task_is_refused(body: bytes) -> None:
    """The ASGI code responds to an invalid task; the connection stays usable."""
    connection = Connection()
    connection.protocol.data_received(request(body=body))
    await connection.until_answered(1)
    connection.protocol.data_received(REQUEST)
    connection.queue.reply()
    await connection.until_answered(2)

    assert connection.statuses[0] in {400, 422}
    assert connection.counted(connection.statuses[0]) == 1
    assert connection.statuses[1] == 201


async def test_a_client_that_leaves_is_not_written_to() -> None:
    """A task is stored even if its client has disconnected, and nothing is logged."""
    connection = Connection()
    connection.protocol.data_received(REQUEST)
    connection.wire.close()
    connection.protocol.connection_lost(ConnectionResetError())
    connection.queue.reply()
    await asyncio.gather(*connection.server.tasks)

    assert connection.wire.written == b""
    assert connection.counted(201) == 1
    assert connection.server.connections == set()


async def test_a_client_that_leaves_within_its_body_submits_nothing() -> None:
    """Half a request is no request."""
    connection = Connection()
    connection.protocol.data_received(REQUEST[:-1])
    connection.wire.close()
    connection.protocol.connection_lost(None)
    await asyncio.gather(*connection.server.tasks)

    assert (connection.wire.written, connection.queue.ids) == (b"", [])


@pytest.mark.parametrize("come", [REQUEST, REQUEST[:-1]], ids=["whole", "in part"])
async def test_a_stop_finishes_a_request(come: bytes) -> None:
    """A request in progress at a stop gets its response, and its connection is closed."""
    connection = Connection()
    connection.protocol.data_received(come)
    connection.protocol.shutdown()
    if come != REQUEST:
        connection.protocol.data_received(REQUEST[len(come) :])
    await connection.until_submitted(1)
    connection.queue.reply()
    await connection.until_closed()

    assert connection.statuses == [201]
    assert b"connection: close\r\n" in connection.wire.written


@pytest.mark.parametrize("before", [b"", REQUEST], ids=["new", "used"])
async def test_a_stop_closes_an_idle_connection(before: bytes) -> None:
    """A connection on which nothing is under way does not hold up a stop."""
    connection = Connection()
    connection.protocol.data_received(before)
    connection.queue.reply()
    await connection.until_answered(1 if before else 0)
    connection.protocol.shutdown()

    assert connection.wire.is_closing()


@pytest.mark.parametrize("requests", [1, 2])
async def test_a_client_may_close_its_half(requests: int) -> None:
    """A client that closes its half of the connection still gets its responses; then we close."""
    connection = Connection()
    connection.protocol.data_received(REQUEST * requests)
    assert connection.protocol.eof_received()
    for tasks in range(1, requests + 1):
        await connection.until_submitted(tasks)
        connection.queue.reply()
    await connection.until_closed()

    assert connection.statuses == [201] * requests


@pytest.mark.parametrize("come", [b"", REQUEST[:-1]], ids=["nothing", "in part"])
async def test_a_client_that_closes_its_half_too_soon_is_let_go(come: bytes) -> None:
    """Where no whole request is open, a half that is closed ends the connection."""
    connection = Connection()
    connection.protocol.data_received(come)

    assert not connection.protocol.eof_received()
    connection.protocol.connection_lost(None)
    await asyncio.gather(*connection.server.tasks)


async def test_responses_wait_for_a_client_that_does_not_read() -> None:
    """While the transport's buffer is full no response is added to it."""
    connection = Connection()
    connection.protocol.pause_writing()
    connection.protocol.data_received(REQUEST)
    await connection.until_submitted(1)
    connection.queue.reply()
    await some_turns()
    before = connection.statuses
    connection.protocol.resume_writing()
    await connection.until_answered(1)

    assert (before, connection.statuses) == ([], [201])


@pytest.mark.parametrize("first", [b"", GET])
async def test_an_idle_connection_is_closed(first: bytes) -> None:
    """A connection on which nothing more comes is closed after the time that it is kept."""
    connection = Connection(keep_alive_seconds=0)
    connection.protocol.data_received(first + REQUEST if first else REQUEST)
    await connection.until_submitted(1)
    connection.queue.reply()

    await connection.until_closed()
    assert connection.statuses[-1] == 201


async def test_a_connection_in_use_is_kept() -> None:
    """The timer of an old response does not close a connection that is in use."""
    connection = Connection()
    handler = connection.protocol.timeout_keep_alive_handler
    for responses, raw in enumerate((REQUEST, GET, REQUEST), 1):
        connection.protocol.data_received(raw)
        connection.queue.reply()
        await connection.until_answered(responses)
        handler()

    assert not connection.wire.is_closing()


async def test_a_connection_at_work_is_kept() -> None:
    """A timer that runs out while a task is on its way to Redis does not close its connection."""
    connection = Connection()
    connection.protocol.data_received(REQUEST)
    connection.queue.reply()
    await connection.until_answered(1)
    connection.protocol.timeout_keep_alive = 0
    connection.protocol.data_received(REQUEST)
    connection.protocol.timeout_keep_alive_handler()

    assert not connection.wire.is_closing()
    connection.queue.reply()
    await connection.until_closed()
    assert connection.statuses == [201, 201]


async def test_a_closed_connection_leaves_no_timer() -> None:
    """A connection that broke is forgotten at once, and not when its timer runs out."""
    connection = Connection()
    connection.protocol.data_received(REQUEST)
    connection.queue.reply()
    await connection.until_answered(1)
    assert connection.protocol.timeout_keep_alive_task is not None

    connection.protocol.connection_lost(ConnectionResetError())
    assert connection.protocol.timeout_keep_alive_task is None
