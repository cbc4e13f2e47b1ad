"""Conformance, third part: TLS. Certificates are made for the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from queue_common.task import Outcome
from queue_testing.attempts import Result, attempt, open_transport
from queue_testing.network.socket_server import Peer, SocketServer, says
from queue_worker.transport import HttpClient, Resolver
from queue_worker.transport.build import build_tls
from queue_worker.transport.dialing.lookup import numeric

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that no system trusts."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """What WORKER_CA_FILE would name."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
async def trusting(ca_file: Path) -> AsyncIterator[HttpClient]:
    """A transport, trusting the test's authority; all names are 127.0.0.1."""
    resolver = Resolver(lambda _host: numeric("127.0.0.1") or [])
    transport = open_transport(tls=build_tls(ca_file), resolver=resolver)
    yield transport
    await transport.aclose()


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return what a server needs to show ``certificate``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("name", ["hooks.example", "hooks.example.", "127.0.0.1"])
async def test_a_trusted_certificate(
    trusting: HttpClient, authority: trustme.CA, name: str
) -> None:
    """A certificate that WORKER_CA_FILE vouches for is trusted, for names and for addresses."""
    tls = server_tls(authority.issue_cert(name.rstrip(".")))

    async with SocketServer(says(OK), tls=tls) as server:
        url = f"https://{name}:{server.port}/"
        results = [await attempt(trusting, url) for _ in range(2)]

    assert results == [Result(Outcome.DELIVERED, 200, b"ok")] * 2
    assert server.connections == 1


async def test_the_name_is_sent_in_the_handshake(
    trusting: HttpClient, authority: trustme.CA
) -> None:
    """The server is told the name (SNI), by which it chooses a certificate."""
    tls = server_tls(authority.issue_cert("hooks.example"))
    asked: list[str] = []
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)

    async with SocketServer(says(OK), tls=tls) as server:
        await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert asked == ["hooks.example"]


async def test_another_name(trusting: HttpClient, authority: trustme.CA) -> None:
    """A certificate for another name is refused before the request is sent."""
    tls = server_tls(authority.issue_cert("other.example"))

    async with SocketServer(says(OK), tls=tls) as server:
        result = await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR
    assert result.error is not None
    assert "hooks.example" in result.error
    assert server.requests == []


async def test_an_expired_certificate(trusting: HttpClient, authority: trustme.CA) -> None:
    """A certificate past its time is refused."""
    expired = authority.issue_cert("hooks.example", not_after=datetime(2001, 1, 1, tzinfo=UTC))

    async with SocketServer(says(OK), tls=server_tls(expired)) as server:
        result = await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR
    assert result.error is not None
    assert "expired" in result.error


async def test_an_unknown_authority(transport: HttpClient, authority: trustme.CA) -> None:
    """A certificate that nobody vouches for is refused."""
    tls = server_tls(authority.issue_cert("127.0.0.1"))

    async with SocketServer(says(OK), tls=tls) as server:
        result = await attempt(transport, server.url)

    assert result.outcome is Outcome.TLS_ERROR
    assert server.requests == []


async def test_a_server_without_tls(transport: HttpClient) -> None:
    """A server that speaks plain HTTP at an https URL is an error of TLS."""

    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with SocketServer(script) as server:
        result = await attempt(transport, f"https://127.0.0.1:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR


async def test_a_handshake_cut_off(transport: HttpClient) -> None:
    """A connection lost in the middle of the handshake is an error of TLS."""

    async def script(_peer: Peer) -> None:
        return

    async with SocketServer(script) as server:
        result = await attempt(transport, f"https://127.0.0.1:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR


async def test_a_client_certificate_that_is_asked_for(
    trusting: HttpClient, authority: trustme.CA
) -> None:
    """A server that wants a certificate of ours ends the handshake: an error of TLS."""
    tls = server_tls(authority.issue_cert("hooks.example"))
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(tls)

    async with SocketServer(says(OK), tls=tls) as server:
        result = await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR


async def test_a_large_response_over_tls(trusting: HttpClient, authority: trustme.CA) -> None:
    """The limit of a response holds over TLS too."""
    tls = server_tls(authority.issue_cert("hooks.example"))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

    async with SocketServer(says(head, *[b"x" * 65536] * 1500), tls=tls) as server:
        result = await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert result == Result(Outcome.DELIVERED, 200, b"x" * 1024)


async def test_a_common_name_is_not_believed(trusting: HttpClient, authority: trustme.CA) -> None:
    """A certificate counts for the names it lists, not for its common name."""
    tls = server_tls(authority.issue_cert(common_name="hooks.example"))

    async with SocketServer(says(OK), tls=tls) as server:
        result = await attempt(trusting, f"https://hooks.example:{server.port}/")

    assert result.outcome is Outcome.TLS_ERROR
    assert server.requests == []


async def test_no_keys_are_written_down(
    ca_file: Path, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE in the environment does not open deliveries to those who read the file."""
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    transport = open_transport(tls=build_tls(ca_file))

    async with SocketServer(says(OK), tls=server_tls(authority.issue_cert("127.0.0.1"))) as server:
        result = await attempt(transport, server.url)
    await transport.aclose()

    assert result.outcome is Outcome.DELIVERED
    assert b"SECRET" not in (log.read_bytes() if log.exists() else b"")
