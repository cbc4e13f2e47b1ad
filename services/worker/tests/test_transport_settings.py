"""From variables to a transport: what can be set, what is refused at start, proxies, HTTP/2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from queue_common.settings import RedisSettings, load
from queue_common.task import Outcome
from queue_common.testing.socket_server import Peer, SocketServer, says
from queue_worker.testing import Result, attempt
from queue_worker.transport import DeliverySettings, Transport, build_transport
from queue_worker.transport.build import build_guard
from queue_worker.transport.over_httpx import HttpxTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REDIS = RedisSettings(redis_addr="127.0.0.1:6379", redis_url=None)

Settle = Callable[..., DeliverySettings]


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settle:
    """Reads the settings from these variables alone."""
    monkeypatch.chdir(tmp_path)
    for field in DeliverySettings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
        monkeypatch.delenv(field, raising=False)

    def set_them(**variables: str) -> DeliverySettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load(DeliverySettings)

    return set_them


def test_defaults(set_variables: Settle) -> None:
    """Without variables our own transport is used, guarded as in development."""
    settings = set_variables()

    assert isinstance(build_transport(settings, REDIS, most_open=1), Transport)
    assert build_guard(settings, REDIS).reason_against("x", "10.0.0.1") is None


def test_production(set_variables: Settle) -> None:
    """In production nothing internal is allowed that EGRESS_ALLOW does not list."""
    guard = build_guard(set_variables(ENV="production", EGRESS_ALLOW="10.0.0.0/8"), REDIS)

    assert guard.reason_against("x", "10.0.0.1") is None
    assert guard.reason_against("x", "127.0.0.1") is not None


def test_own_ground(set_variables: Settle) -> None:
    """Redis and the cluster's API server are protected at their ports."""
    settings = set_variables(KUBERNETES_SERVICE_HOST="10.96.0.1", KUBERNETES_SERVICE_PORT="6443")
    redis = RedisSettings(redis_url="rediss://:secret@cache.example/0")

    assert build_guard(settings, redis).protected == {
        6379: ("cache.example",),
        6443: ("10.96.0.1",),
    }


@pytest.fixture
def refusal(set_variables: Settle, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Reads settings that are refused, and returns what the process says as it ends."""

    def refuse(**variables: str) -> str:
        with pytest.raises(SystemExit) as ended:
            set_variables(**variables)
        return f"{ended.value}\n{capfd.readouterr().err}"

    return refuse


MISTAKES = {
    "EGRESS_ALLOW": ("10.0.0.0/33", "EGRESS_ALLOW=10.0.0.0/33: '10.0.0.0/33' is no address"),
    "EGRESS_DENY": ("a..b", "EGRESS_DENY=a..b: 'a..b' is neither a CIDR nor a host suffix"),
    "WORKER_TRANSPORT": ("curl", "WORKER_TRANSPORT=curl: input should be 'native' or 'httpx'"),
    "WORKER_CA_FILE": ("/nowhere.pem", "WORKER_CA_FILE: no file at /nowhere.pem"),
    "EGRESS_TRUST_PROXY": ("perhaps", "EGRESS_TRUST_PROXY=perhaps: input should be a valid bool"),
}


@pytest.mark.parametrize(("name", "mistake"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_ends_the_process(
    refusal: Callable[..., str], name: str, mistake: tuple[str, str]
) -> None:
    """A mistake ends the process at start, and the message says what is allowed."""
    assert mistake[1] in refusal(**{name: mistake[0]})


def test_a_ca_file_without_certificate(refusal: Callable[..., str], tmp_path: Path) -> None:
    """A file that holds no certificate ends the process at start."""
    (tmp_path / "ca.pem").write_text("nothing")

    said = refusal(WORKER_CA_FILE=str(tmp_path / "ca.pem"))

    assert "WORKER_CA_FILE: no certificate in" in said


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_nobody_vouches_for(refusal: Callable[..., str], name: str) -> None:
    """Behind a proxy the guard sees no address: the process does not start by accident."""
    said = refusal(WORKER_TRANSPORT="httpx", **{name: "http://proxy.example:3128"})

    assert f"{name.upper()}: the egress guard cannot see" in said


def test_a_proxy_of_another_kind(refusal: Callable[..., str]) -> None:
    """SOCKS is not spoken: told at start, without the URL, which may hold a password."""
    said = refusal(WORKER_TRANSPORT="httpx", HTTP_PROXY="socks5://user:secret@proxy:1080")

    assert "HTTP_PROXY: should be http://" in said
    assert "secret" not in said


def test_a_proxy_that_is_not_used(set_variables: Settle) -> None:
    """Our own transport goes past proxies, so whatever is set of them does not stop it."""
    settings = set_variables(HTTP_PROXY="socks5://proxy:1080")

    assert isinstance(build_transport(settings, REDIS, most_open=1), Transport)


async def test_a_proxy(set_variables: Settle) -> None:
    """With WORKER_TRANSPORT=httpx a plain request goes to the proxy in full, with its password."""
    async with SocketServer(says(OK)) as proxy:
        settings = set_variables(
            WORKER_TRANSPORT="httpx",
            ENV="production",
            EGRESS_TRUST_PROXY="true",
            HTTP_PROXY=f"http://user:secret@127.0.0.1:{proxy.port}",
        )
        transport = build_transport(settings, REDIS, most_open=10)
        result = await attempt(transport, "http://example.com/hook?a=b")
        refused = await attempt(transport, "http://10.0.0.1/")
        await transport.aclose()

    assert isinstance(transport, HttpxTransport)
    assert result == Result(Outcome.DELIVERED, 200, b"ok")
    assert proxy.requests[0].startswith(b"POST http://example.com/hook?a=b HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpzzwnyzxq=" in proxy.requests[0].lower()
    assert refused.outcome is Outcome.EGRESS_REFUSED
    assert len(proxy.requests) == 1


async def test_a_tunnel(set_variables: Settle) -> None:
    """An https request asks the proxy for a tunnel; a refusal there is an error of connecting."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"

    async with SocketServer(says(refusal)) as proxy:
        settings = set_variables(
            WORKER_TRANSPORT="httpx",
            EGRESS_TRUST_PROXY="true",
            HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}",
        )
        transport = build_transport(settings, REDIS, most_open=10)
        result = await attempt(transport, "https://example.com/hook")
        await transport.aclose()

    assert result.outcome is Outcome.CONNECT_ERROR
    assert proxy.requests[0].startswith(b"CONNECT example.com:443 HTTP/1.1\r\n")


NO_PROXY = ["127.0.0.1", "localhost, 127.0.0.1", "*", "127.0.0.1:PORT", ".0.0.1"]


@pytest.mark.parametrize("no_proxy", NO_PROXY)
async def test_no_proxy(set_variables: Settle, no_proxy: str) -> None:
    """What NO_PROXY lists is connected to directly, through the guard."""
    async with SocketServer(says(OK)) as proxy, SocketServer(says(OK)) as server:
        settings = set_variables(
            WORKER_TRANSPORT="httpx",
            EGRESS_TRUST_PROXY="true",
            HTTP_PROXY=f"http://127.0.0.1:{proxy.port}",
            NO_PROXY=no_proxy.replace("PORT", str(server.port)),
        )
        transport = build_transport(settings, REDIS, most_open=10)
        result = await attempt(transport, server.url)
        await transport.aclose()

    assert result.outcome is Outcome.DELIVERED
    assert (proxy.connections, server.connections) == (0, 1)


async def test_http2(set_variables: Settle, tmp_path: Path) -> None:
    """With WORKER_TRANSPORT=httpx a server that offers HTTP/2 is spoken to so."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = set_variables(WORKER_TRANSPORT="httpx", WORKER_CA_FILE=str(tmp_path / "ca.pem"))
    begun = asyncio.Event()

    async def script(peer: Peer) -> None:
        preface = await peer.head()
        assert preface == b"PRI * HTTP/2.0\r\n\r\n"
        begun.set()
        await peer.hold()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.set_alpn_protocols(["h2"])
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with SocketServer(script, tls=tls) as server:
        transport = build_transport(settings, REDIS, most_open=10)
        result = await attempt(transport, server.url, timeout_seconds=0.5)
        await transport.aclose()

    assert begun.is_set()
    assert (result.outcome, result.phase) == (Outcome.TIMEOUT, "answer")
