"""The transport against servers that others wrote: nginx, uvicorn, Go's net/http."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
import uvicorn

from queue_common.task import Outcome
from queue_testing import wait_until
from queue_testing.attempts import Result, attempt, open_transport
from queue_testing.redis_server import free_port
from queue_worker.transport import HttpClient
from queue_worker.transport.build import build_tls

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
GO = shutil.which("go")

NGINX_CONFIGURATION = """
{user}
daemon off;
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 3;
    client_max_body_size 1m;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {directory}/server.pem;
        ssl_certificate_key {directory}/server.key;
        root {directory}/files;
        location = /hook {{ return 200 "ok"; }}
        location = /slow {{ limit_rate 64k; }}
    }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A server process, and the CA that signed its certificate."""

    url: str
    process: subprocess.Popen[bytes]
    tls: ssl.SSLContext
    directory: Path

    @property
    def requests(self) -> int:
        """How many requests nginx has logged."""
        return len((self.directory / "access.log").read_text().splitlines())


@contextmanager
def running(
    *command: str | Path, directory: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the test ends."""
    with subprocess.Popen(command, cwd=directory, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


async def until_it_listens(port: int) -> None:
    """Return once the port takes connections."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await wait_until(listens, f"port {port} listens", 30)


def certify(directory: Path) -> ssl.SSLContext:
    """Write a certificate for 127.0.0.1 and return a context that trusts it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(directory / "server.key")
    (directory / "server.pem").write_bytes(
        b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    )
    authority.cert_pem.write_to_path(directory / "ca.pem")
    return build_tls(directory / "ca.pem")


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[Running]:
    """An nginx with TLS that closes each connection after three requests."""
    if NGINX is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    port = free_port()
    (tmp_path / "files").mkdir()
    # One that a reload finds under way, whatever the sockets' buffers take at once.
    (tmp_path / "files/slow").write_bytes(b"x" * 96 * 1024)
    tls = certify(tmp_path)
    configuration = tmp_path / "nginx.conf"
    # Started by root, nginx' workers would be somebody who may not read the test's directory.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(NGINX_CONFIGURATION.format(directory=tmp_path, port=port, user=user))
    log = tmp_path / "error.log"
    with running(NGINX, "-p", tmp_path, "-c", configuration, "-e", log) as process:
        await until_it_listens(port)
        yield Running(f"https://127.0.0.1:{port}", process, tls, tmp_path)


@pytest.fixture
async def to_nginx(nginx: Running) -> AsyncIterator[HttpClient]:
    """A transport, trusting nginx' certificate."""
    transport = open_transport(tls=nginx.tls)
    yield transport
    await transport.aclose()


async def test_keep_alive_limits(nginx: Running, to_nginx: HttpClient) -> None:
    """Connections that nginx closes after three requests are replaced, and nothing goes wrong."""
    results = [
        result
        for _ in range(10)
        for result in await asyncio.gather(
            *(attempt(to_nginx, f"{nginx.url}/hook") for _ in range(10))
        )
    ]

    # nginx logs a request after its response has gone out.
    await wait_until(lambda: nginx.requests >= 100, "nginx has logged them all")

    assert results == [Result(Outcome.DELIVERED, 200, b"ok")] * 100
    assert nginx.requests == 100


async def test_a_reload_in_mid_flight(nginx: Running, to_nginx: HttpClient) -> None:
    """A reload finishes what is under way and closes the rest: no attempt fails."""
    slow = [
        asyncio.create_task(attempt(to_nginx, f"{nginx.url}/slow", method="GET", body=None))
        for _ in range(5)
    ]
    results = [await attempt(to_nginx, f"{nginx.url}/hook")]
    for _ in range(3):
        nginx.process.send_signal(signal.SIGHUP)
        results += await asyncio.gather(
            *(attempt(to_nginx, f"{nginx.url}/hook") for _ in range(50))
        )
    slow_results = await asyncio.gather(*slow)

    assert {result.outcome for result in results} == {Outcome.DELIVERED}
    assert slow_results == [Result(Outcome.DELIVERED, 200, b"x" * 1024)] * 5


async def test_a_body_that_nginx_refuses(nginx: Running, to_nginx: HttpClient) -> None:
    """A body over client_max_body_size gets a 413 before it is sent completely."""
    result = await attempt(to_nginx, f"{nginx.url}/hook", body=b"x" * (8 << 20))

    assert (result.outcome, result.status) == (Outcome.HTTP_ERROR, 413)


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Respond with the request's body, in chunks."""
    assert scope["type"] == "http"
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
    for piece in (body[:3], body[3:], b""):
        await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})


@pytest.mark.parametrize("implementation", ["h11", "httptools"])
async def test_uvicorn(transport: HttpClient, implementation: str) -> None:
    """Uvicorn's chunked responses are read, and connections it closes when idle are replaced."""
    port = free_port()
    configuration = uvicorn.Config(
        echo, port=port, http=implementation, lifespan="off", log_config=None,
        timeout_keep_alive=1,
    )  # fmt: skip
    server = uvicorn.Server(configuration)
    serving = asyncio.create_task(server._serve())
    await until_it_listens(port)
    url = f"http://127.0.0.1:{port}/"
    results = [await attempt(transport, url, body=b"a body") for _ in range(3)]
    await wait_until(lambda: transport.pool.idle == 0, "uvicorn closes the idle connection")
    results.append(await attempt(transport, url, body=b"a body"))
    server.should_exit = True
    await transport.aclose()
    await serving

    assert results == [Result(Outcome.DELIVERED, 200, b"a body")] * 4


GO_SERVER = """
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Protocol", r.Proto)
		w.WriteHeader(201)
		w.Write(body)
	})
	http.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", 403)
	})
	http.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) {
		panic(http.ErrAbortHandler)
	})
	http.HandleFunc("/protocol", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	})
	panic(http.ListenAndServeTLS(os.Args[1], "server.pem", "server.key", nil))
}
"""


@pytest.fixture(scope="module")
def go_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server in Go, built."""
    if GO is None:
        pytest.skip("Go is not installed")
    directory = tmp_path_factory.mktemp("go")
    (directory / "main.go").write_text(GO_SERVER)
    subprocess.run([GO, "build", "-o", "server", "main.go"], cwd=directory, check=True)
    return directory / "server"


@pytest.fixture
async def to_go(go_binary: Path, tmp_path: Path) -> AsyncIterator[tuple[HttpClient, str]]:
    """A transport, and the URL of a server in Go."""
    tls = certify(tmp_path)
    port = free_port()
    with running(go_binary, f"127.0.0.1:{port}", directory=tmp_path):
        await until_it_listens(port)
        transport = open_transport(tls=tls)
        yield transport, f"https://127.0.0.1:{port}"
        await transport.aclose()


@pytest.mark.timeout(180)
async def test_go(to_go: tuple[HttpClient, str]) -> None:
    """Go's server is spoken to over TLS, its aborted handlers told."""
    transport, url = to_go
    echoed = await attempt(transport, f"{url}/echo", body=b"a body")
    aborted = await attempt(transport, f"{url}/panic")
    protocol = await attempt(transport, f"{url}/protocol")

    assert echoed == Result(Outcome.DELIVERED, 201, b"a body")
    assert protocol.body == b"HTTP/1.1"
    assert aborted.outcome is Outcome.CONNECTION_LOST


@pytest.mark.timeout(180)
async def test_an_early_response_of_go(to_go: tuple[HttpClient, str]) -> None:
    """A response that Go sends before it has read the body counts."""
    transport, url = to_go
    result = await attempt(transport, f"{url}/early", body=b"x" * (4 << 20), timeout_seconds=2)

    assert (result.outcome, result.status) == (Outcome.HTTP_ERROR, 403)
