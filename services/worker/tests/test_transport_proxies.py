"""Deliveries through a proxy, by a tunnel."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from queue_common.egress import EgressGuard
from queue_common.settings import RedisSettings
from queue_common.task import Outcome, TaskId
from queue_common.tracing.context import TraceContext
from queue_testing import wait_until
from queue_testing.attempts import Result, attempt
from queue_testing.network.socket_server import Peer, Script, SocketServer, says
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt.deliver import Deliverer
from queue_worker.transport import (
    DeliverySettings,
    Dialer,
    HttpClient,
    Propagate,
    Resolver,
    build_http_client,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DELIVERED = Result(Outcome.DELIVERED, 200, b"ok")
OPENED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"
REDIS = RedisSettings(redis_addr="127.0.0.1:6379", redis_url=None)


def tunnels_to(port: int) -> Script:
    """Return a proxy's script: each tunnel, whatever is asked for, ends at ``port``."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OPENED)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        back = asyncio.create_task(_pump(reader.read, peer.send))
        try:
            await _pump(peer.read, lambda data: _write(writer, data))
        finally:
            back.cancel()
            writer.transport.abort()

    return script


async def _pump(
    read: Callable[[int], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]]
) -> None:
    while data := await read(1 << 16):
        await write(data)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


@pytest.fixture
def authority() -> trustme.CA:
    """Who signs the certificates of proxy and destination."""
    return trustme.CA()


@pytest.fixture
def open_through(authority: trustme.CA, tmp_path: Path) -> Callable[..., HttpClient]:
    """Opens a transport by settings."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def open_it(**settings: object) -> HttpClient:
        made = DeliverySettings.model_validate(
            {"egress_trust_proxy": True, "worker_ca_file": tmp_path / "ca.pem"} | settings
        )
        return build_http_client(made, REDIS, max_open=10)

    return open_it


def tls_for(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["plain", "TLS to the proxy"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_tunnel(
    open_through: Callable[..., HttpClient], authority: trustme.CA, scheme: str, proxy_tls: bool
) -> None:
    """A request goes through a tunnel to the destination, whose certificate is checked there."""
    tls = tls_for(authority, "hooks.example") if scheme == "https" else None
    to_proxy = tls_for(authority, "127.0.0.1") if proxy_tls else None
    async with (
        SocketServer(says(OK), tls=tls) as server,
        SocketServer(tunnels_to(server.port), tls=to_proxy) as proxy,
    ):
        address = proxy.url.replace("://", "://us%C3%A9r:s%3Acret@")
        transport = open_through(**{f"{scheme}_proxy": address})
        url = f"{scheme}://hooks.example/hook?a=b"
        results = [await attempt(transport, url, body=b"x" * 100_000) for _ in range(3)]
        await transport.aclose()
        await wait_until(lambda: proxy.open == 0, "the tunnel is closed")

    port = 443 if tls else 80
    assert results == [DELIVERED] * 3
    assert proxy.requests == [
        b"CONNECT hooks.example:%d HTTP/1.1\r\nHost: hooks.example:%d\r\n"
        b"Proxy-Authorization: Basic dXPDqXI6czpjcmV0\r\n\r\n" % (port, port)
    ]
    assert server.requests[0].startswith(b"POST /hook?a=b HTTP/1.1\r\nHost: hooks.example\r\n")
    assert b"roxy" not in server.requests[0]
    assert transport.pool.open == 0


async def test_a_destination_with_another_name(
    open_through: Callable[..., HttpClient], authority: trustme.CA
) -> None:
    """A certificate for another name is refused through a proxy too, and nothing is sent."""
    async with (
        SocketServer(says(OK), tls=tls_for(authority, "other.example")) as server,
        SocketServer(tunnels_to(server.port)) as proxy,
    ):
        transport = open_through(https_proxy=proxy.url)
        result = await attempt(transport, "https://hooks.example/")
        await transport.aclose()

    assert result.outcome is Outcome.TLS_ERROR
    assert server.requests == []


REPLIES = {
    "refused": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"),
    "asks for a password": (b"HTTP/1.1 407 Authenticate\r\n\r\n", "407 Authenticate"),
    "no HTTP": (b"SSH-2.0\r\n\r\n", "SSH-2.0"),
    "closes": (b"", "closed the connection"),
    "an endless head": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "too large headers"),
    "speaks first": (OPENED + OK, "unexpected bytes"),
}


@pytest.mark.parametrize(("reply", "error"), REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_opens_no_tunnel(
    open_through: Callable[..., HttpClient], scheme: str, reply: bytes, error: str
) -> None:
    """What a proxy says in place of a tunnel is an error of connecting, never a response."""
    async with SocketServer(says(reply, then_close=True)) as proxy:
        transport = open_through(**{f"{scheme}_proxy": proxy.url})
        result = await attempt(transport, f"{scheme}://hooks.example/")
        await transport.aclose()
        await wait_until(lambda: proxy.open == 0, "the connection is closed")

    assert result.outcome is Outcome.CONNECT_ERROR
    assert error in (result.error or "")


async def test_a_proxy_that_is_silent(open_through: Callable[..., HttpClient]) -> None:
    """A proxy that does not respond ends at the deadline, and its connection is closed."""

    async def script(peer: Peer) -> None:
        await peer.hold()

    async with SocketServer(script) as proxy:
        transport = open_through(http_proxy=proxy.url)
        result = await attempt(transport, "http://hooks.example/", timeout_seconds=0.2)
        await wait_until(lambda: proxy.open == 0, "the connection is closed")
        await transport.aclose()

    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, "connect")


@pytest.mark.parametrize("host", ["10.0.0.1", "167772161", "[::ffff:10.0.0.1]", "a.evil.example"])
async def test_what_a_proxy_is_not_asked_for(
    open_through: Callable[..., HttpClient], host: str
) -> None:
    """Internal addresses and names in EGRESS_DENY are refused before the proxy is asked."""
    async with SocketServer(says(OK)) as proxy:
        transport = open_through(http_proxy=proxy.url, egress_deny="evil.example")
        result = await attempt(transport, f"http://{host}/")
        await transport.aclose()

    assert result.outcome is Outcome.EGRESS_REFUSED
    assert proxy.connections == 0


NO_PROXY = ["127.0.0.1", "localhost, 127.0.0.1", "*", "127.0.0.1:PORT", ".0.0.1"]


@pytest.mark.parametrize("no_proxy", NO_PROXY)
async def test_no_proxy(open_through: Callable[..., HttpClient], no_proxy: str) -> None:
    """What NO_PROXY lists is connected to directly, through the guard."""
    async with SocketServer(says(OK)) as proxy, SocketServer(says(OK)) as server:
        transport = open_through(
            http_proxy=proxy.url,
            no_proxy=no_proxy.replace("PORT", str(server.port)),
            egress_allow="127.0.0.0/8",
        )
        result = await attempt(transport, server.url)
        await transport.aclose()

    assert result == DELIVERED
    assert (proxy.connections, server.connections) == (0, 1)


ALL = [b"traceparent", b"tracestate", b"baggage"]
TRACED = TraceContext(a_context().trace_id, a_context().span_id, 1, "a=1", "user=7")
PROPAGATED: dict[str, tuple[Propagate, str, list[bytes]]] = {
    "internal, to a listed name": ("internal", "hooks.example", ALL),
    "internal, to another": ("internal", "10.0.0.0/8", [b"traceparent"]),
    "all, to another": ("all", "", ALL),
    "none, to a listed name": ("none", "hooks.example", []),
}


@pytest.mark.parametrize(("propagate", "allow", "sent"), PROPAGATED.values(), ids=PROPAGATED)
async def test_the_clients_context_stays_inside(
    open_through: Callable[..., HttpClient], propagate: Propagate, allow: str, sent: list[bytes]
) -> None:
    """What a client tells its own services goes to those alone that EGRESS_ALLOW lists."""
    async with (
        SocketServer(says(OK)) as server,
        SocketServer(tunnels_to(server.port)) as proxy,
    ):
        transport = open_through(http_proxy=proxy.url, egress_allow=allow)
        deliverer = Deliverer(transport, timeout_seconds=10, propagate=propagate)
        for number in (1, 2):
            await deliverer.deliver(TaskId("id-1"), a_task("http://hooks.example/"), number, TRACED)
        await transport.aclose()

    assert (len(server.requests), server.connections) == (2, 1)
    for request in server.requests:
        names = [line.partition(b":")[0] for line in request.split(b"\r\n")]
        assert [name for name in names if name in ALL] == sent


@pytest.mark.parametrize(
    ("allow", "internal"), [("127.0.0.0/8", True), ("::1", False), ("hooks.example", True)]
)
async def test_what_is_internal(allow: str, internal: bool) -> None:
    """A destination is internal by its name, or by the address that was connected to."""
    async with SocketServer(says(OK)) as server:
        dialer = Dialer(Resolver(), EgressGuard.from_settings(allow=allow))
        with socket.create_connection(("127.0.0.1", server.port)) as connected:
            assert dialer.is_internal("hooks.example", connected) is internal
