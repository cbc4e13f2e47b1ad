"""What goes wrong on the way to a destination, over real sockets: each ends as an attempt."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from queue_common.cancellation import cancel_and_wait
from queue_common.options import TaskOptions
from queue_common.task import Attempt, Outcome, TaskId
from queue_testing import free_port, wait_until
from queue_testing.attempts import open_transport
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt.deliver import Deliverer

CERTIFICATE = Path(__file__).with_name("localhost.pem")
TASK_ID = TaskId("01a20d98-82b5-7111-9858-f3ef6d08a280")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def destination(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does with each connection what the test says, then closes it."""
    handling: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
            if serve is not reset:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1 << 24)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await cancel_and_wait(handling)
        await server.wait_closed()


def says(*parts: bytes) -> Serve:
    """Respond to a request with these bytes, one write each, and close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()

    return serve


async def reset(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read the request and reset the connection."""
    await reader.readuntil(b"\r\n\r\n")


def then_waits_for_the_end(begin: bytes) -> Serve:
    """Send this to a request, then nothing more, until the other side hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        await reader.read(-1)

    return serve


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond a byte at a time, without end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def attempt_at(
    url: str, *, timeout_seconds: float = 10, tls: ssl.SSLContext | None = None, **task: object
) -> Attempt:
    """Make one attempt with a transport of its own."""
    transport = open_transport(tls=tls)
    deliverer = Deliverer(transport, timeout_seconds=timeout_seconds)
    try:
        return await deliverer.deliver(TASK_ID, a_task(url, lane="x", **task), 1, a_context())  # type: ignore[arg-type]
    finally:
        await transport.aclose()


async def attempt_on(serve: Serve, **options: object) -> Attempt:
    """Make one attempt at a destination that behaves so."""
    async with destination(serve) as port:
        return await attempt_at(f"http://127.0.0.1:{port}/", **options)  # type: ignore[arg-type]


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def trusting_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


async def test_a_refused_connection() -> None:
    """A port nobody listens on is a connect_error."""
    attempt = await attempt_at(f"http://127.0.0.1:{free_port()}/")

    assert attempt.outcome is Outcome.CONNECT_ERROR
    assert attempt.error
    assert (attempt.status_code, attempt.response_excerpt, attempt.phase) == (None, None, None)


async def test_an_unknown_name() -> None:
    """A name that does not resolve is a dns_error."""
    attempt = await attempt_at("http://no-such-host.invalid/")

    assert attempt.outcome is Outcome.DNS_ERROR


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        pytest.param(b"", Outcome.CONNECTION_LOST, id="closed-without-a-word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", Outcome.CONNECTION_LOST, id="half-a-head"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", Outcome.CONNECTION_LOST,
            id="half-a-body",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfour",
            Outcome.CONNECTION_LOST, id="half-a-chunk",
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", Outcome.PROTOCOL_ERROR, id="not-http"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", Outcome.PROTOCOL_ERROR, id="no-status"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Outcome.PROTOCOL_ERROR,
            id="no-chunk-length",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n", Outcome.PROTOCOL_ERROR,
            id="no-length",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", Outcome.PROTOCOL_ERROR,
            id="endless-headers",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n", Outcome.PROTOCOL_ERROR,
            id="endless-header",
        ),
    ],
)  # fmt: skip
async def test_a_bad_response(response: bytes, outcome: Outcome) -> None:
    """An incomplete or invalid response is a failure with its outcome, not an exception."""
    attempt = await attempt_on(says(response))

    assert attempt.outcome is outcome
    assert attempt.error
    assert len(attempt.error) <= 300


@pytest.mark.parametrize(
    ("response", "status"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nuntil the close", 200, id="until-close"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nold", 200, id="http-1.0"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, id="no-content"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", 200,
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, id="after-a-hint",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Oops\r\n\r\n", 200,
            id="more-than-was-asked",
        ),
    ],
)  # fmt: skip
async def test_a_lawful_response(response: bytes, status: int) -> None:
    """Each way in which HTTP/1.1 lets a response end is understood."""
    attempt = await attempt_on(says(response))

    assert (attempt.outcome, attempt.status_code) == (Outcome.DELIVERED, status)


async def test_a_response_in_single_bytes() -> None:
    """A response that arrives byte by byte is put together."""
    parts = [bytes([b]) for b in b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nfour"]

    attempt = await attempt_on(says(*parts))

    assert (attempt.status_code, attempt.response_excerpt) == (500, "four")


async def test_switching_protocols_is_failure() -> None:
    """A destination that switches protocols unasked has not taken the request."""
    attempt = await attempt_on(
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    )

    assert attempt.outcome in {Outcome.PROTOCOL_ERROR, Outcome.HTTP_ERROR}


async def test_a_reset_connection() -> None:
    """A connection reset after the request is connection_lost."""
    attempt = await attempt_on(reset)

    assert attempt.outcome is Outcome.CONNECTION_LOST


async def test_an_early_refusal_of_a_big_body() -> None:
    """A response before the end of the request's body counts."""
    response = b"HTTP/1.1 413 Too Big\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    attempt = await attempt_on(then_waits_for_the_end(response), body=b"x" * (4 << 20))

    assert (attempt.outcome, attempt.status_code) == (Outcome.HTTP_ERROR, 413)


@pytest.mark.parametrize(
    ("serve", "phase"),
    [
        pytest.param(then_waits_for_the_end(b""), "answer", id="silence"),
        pytest.param(then_waits_for_the_end(b"HTTP/1.1 200 OK\r\n"), "answer", id="half-a-head"),
        pytest.param(drips, "answer", id="slow-drip"),
    ],
)
async def test_a_destination_that_takes_too_long(serve: Serve, phase: str) -> None:
    """The attempt as a whole ends at its timeout, however busy the destination looks."""
    attempt = await attempt_on(serve, timeout_seconds=0.2)

    assert (attempt.outcome, attempt.phase) == (Outcome.TIMEOUT, phase)
    assert attempt.error == "no response within 0.2 s; phase: answer"
    assert 190 <= attempt.duration_ms < 5000  # a loop's timer may be a little early


async def test_a_task_has_a_time_of_its_own() -> None:
    """The task's own timeout takes the place of the worker's."""
    async with destination(then_waits_for_the_end(b"")) as port:
        task = a_task(f"http://127.0.0.1:{port}/")
        own = msgspec.structs.replace(task, options=TaskOptions(timeout_ms=200))
        transport = open_transport()
        attempt = await Deliverer(transport, timeout_seconds=30).deliver(
            TASK_ID, own, 1, a_context()
        )
        await transport.aclose()

    assert attempt.error == "no response within 0.2 s; phase: answer"


async def test_a_timeout_closes_the_connection() -> None:
    """After a timeout the destination sees the connection end: nothing leaks."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read(-1)
        ended.set()

    async with destination(serve) as port:
        await attempt_at(f"http://127.0.0.1:{port}/", timeout_seconds=0.1)
        await wait_until(ended.is_set, "the destination saw the end")


async def test_a_cancelled_attempt_is_no_attempt() -> None:
    """Cancelled by the drain, an attempt ends with the cancellation and no value."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)

    async with destination(serve) as port:
        attempt = asyncio.create_task(attempt_at(f"http://127.0.0.1:{port}/"))
        await asked.wait()
        attempt.cancel()

        with pytest.raises(asyncio.CancelledError):
            await attempt


async def test_a_connection_closed_while_idle_is_replaced() -> None:
    """The attempt after one whose connection the destination closed is made on a new one."""
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    transport = open_transport()
    deliverer = Deliverer(transport, timeout_seconds=10)

    async with destination(says(response)) as port:
        task = a_task(f"http://127.0.0.1:{port}/")
        attempts = [
            await deliverer.deliver(TASK_ID, task, number, a_context()) for number in range(1, 6)
        ]

    assert [attempt.outcome for attempt in attempts] == [Outcome.DELIVERED] * 5
    await transport.aclose()


async def test_tls_to_a_trusted_destination() -> None:
    """A destination whose certificate is trusted is reached by https."""
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with destination(says(response), server_tls()) as port:
        attempt = await attempt_at(f"https://localhost:{port}/", tls=trusting_tls())

    assert attempt.outcome is Outcome.DELIVERED


async def test_a_certificate_nobody_vouches_for() -> None:
    """A self-signed certificate is a tls_error, and no request is sent."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()

    async with destination(serve, server_tls()) as port:
        attempt = await attempt_at(f"https://localhost:{port}/")

    assert attempt.outcome is Outcome.TLS_ERROR
    assert not asked.is_set()


async def test_https_to_a_destination_without_tls() -> None:
    """A destination that responds to the TLS greeting with something else is a tls_error."""
    async with destination(says_at_once(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        attempt = await attempt_at(f"https://127.0.0.1:{port}/")

    assert attempt.outcome is Outcome.TLS_ERROR


async def test_a_destination_that_hangs_after_the_tls_greeting() -> None:
    """Silence over TLS is a timeout like any other."""
    async with destination(then_waits_for_the_end(b""), server_tls()) as port:
        url = f"https://localhost:{port}/"
        attempt = await attempt_at(url, tls=trusting_tls(), timeout_seconds=0.5)

    assert (attempt.outcome, attempt.phase) == (Outcome.TIMEOUT, "answer")


async def test_a_destination_that_hangs_up_over_tls() -> None:
    """A TLS connection that ends without a response is connection_lost, not a fault of TLS."""
    async with destination(says(b""), server_tls()) as port:
        attempt = await attempt_at(f"https://localhost:{port}/", tls=trusting_tls())

    assert attempt.outcome is Outcome.CONNECTION_LOST


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        pytest.param({"X-Secret": "s3cret\r\nX-Injected: 1"}, "http://127.0.0.1:1/", id="header"),
        pytest.param({}, "http://127.0.0.1:1/s3cret\x00", id="url"),
        pytest.param({}, "http://127.0.0.1:99999/?s3cret", id="port"),
        pytest.param({}, "http://" + "a" * 64 + ".test/?s3cret", id="label"),
    ],
)
async def test_what_http_cannot_carry_ends_as_an_attempt(headers: dict[str, str], url: str) -> None:
    """A request with no form in HTTP/1.1 fails, its secrets unsaid, without an exception."""
    attempt = await attempt_at(url, headers=headers)

    assert attempt.outcome in {Outcome.PROTOCOL_ERROR, Outcome.DNS_ERROR, Outcome.CONNECT_ERROR}
    assert "s3cret" not in (attempt.error or "")


def says_at_once(response: bytes) -> Serve:
    """Send this as soon as anything comes in, and close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response)
        await writer.drain()

    return serve
