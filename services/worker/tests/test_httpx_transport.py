"""Deliveries over httpx's own transport in the place of ours: the same outcomes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from queue_common.task import Attempt, Outcome, TaskId
from queue_common.testing import free_port
from queue_common.testing.receiver import Answer, Receiver
from queue_common.testing.tasks import a_task
from queue_worker.deliver import Deliverer
from queue_worker.outcomes import outcome_of

CERTIFICATE = Path(__file__).with_name("localhost.pem")

Deliver = Callable[..., Awaitable[Attempt]]


@pytest.fixture
async def deliver() -> AsyncIterator[Deliver]:
    """Makes one attempt at a URL."""
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    transport = httpx.AsyncHTTPTransport(verify=trusting, trust_env=False)
    deliverer = Deliverer(transport, timeout_seconds=1)

    async def attempt_at(url: str, headers: dict[str, str] | None = None) -> Attempt:
        return await deliverer.deliver(TaskId("id"), a_task(url, headers=headers), 1)

    yield attempt_at
    await transport.aclose()


async def serve_hanging_up(tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Start a server that reads a request and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.close()

    return await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=tls)


async def test_answers(deliver: Deliver) -> None:
    """2xx is success; a failure's answer is kept, its Retry-After noted."""
    async with Receiver() as receiver:
        receiver.answers("/", [200, Answer(503, headers={"Retry-After": "2"}, body=b"later")])
        first, second = await deliver(f"{receiver.url}/"), await deliver(f"{receiver.url}/")

    assert first.outcome is Outcome.DELIVERED
    assert (second.status_code, second.answer, second.retry_after_ms) == (503, "later", 2000)


async def test_a_timeout(deliver: Deliver) -> None:
    """Silence is a timeout."""
    async with Receiver() as receiver:
        receiver.answers("/", [Answer(hangs=True)])

        assert (await deliver(f"{receiver.url}/")).outcome is Outcome.TIMEOUT


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_destination_that_hangs_up(deliver: Deliver, scheme: str) -> None:
    """A connection that ends without an answer is connection_lost, over TLS too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with await serve_hanging_up(context if scheme == "https" else None) as server:
        port = server.sockets[0].getsockname()[1]

        attempt = await deliver(f"{scheme}://localhost:{port}/")

    assert attempt.outcome is Outcome.CONNECTION_LOST


async def test_https_to_a_destination_without_tls_by_httpx(deliver: Deliver) -> None:
    """A destination that speaks no TLS is a tls_error."""
    async with Receiver() as receiver:
        attempt = await deliver(receiver.url.replace("http://", "https://"))

    assert attempt.outcome is Outcome.TLS_ERROR


@pytest.mark.parametrize(
    ("host", "outcome"),
    [("127.0.0.1", Outcome.CONNECT_ERROR), ("no-such-host.invalid", Outcome.DNS_ERROR)],
)
async def test_no_connection(deliver: Deliver, host: str, outcome: Outcome) -> None:
    """A refused connection and an unknown name are told apart."""
    attempt = await deliver(f"http://{host}:{free_port()}/")

    assert attempt.outcome is outcome


async def test_a_header_with_no_form_in_http(deliver: Deliver) -> None:
    """A header that cannot be sent fails the attempt without its value being told."""
    async with Receiver() as receiver:
        attempt = await deliver(receiver.url, {"X-Key": "s3cret\n"})

    assert attempt.outcome is Outcome.PROTOCOL_ERROR
    assert "s3cret" not in (attempt.error or "")


def test_a_wait_of_tls_is_no_fault_of_tls() -> None:
    """A connection reset while a read over TLS waited is connection_lost, as without TLS."""
    error: Exception | None = None
    try:
        try:
            raise ssl.SSLWantReadError  # how a read that must wait shows in the chain
        except ssl.SSLWantReadError:
            raise ConnectionResetError  # noqa: B904 - as anyio has it
    except ConnectionResetError as reset:
        error = httpx.ReadError("")
        error.__cause__ = reset

    assert outcome_of(error) is Outcome.CONNECTION_LOST
