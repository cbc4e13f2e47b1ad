"""The API behind proxies that keep connections to it and pass offers to upgrade on."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from queue_testing import free_port, wait_until

from .conftest import Api
from .hand_driven import BODY

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TRAEFIK = shutil.which("traefik")
ROUNDS = 100

# As ingress-nginx writes it. What checks users is in front of /api/ alone.
NGINX_CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream api {{ server 127.0.0.1:{api_port}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        location /api/ {{
            if ($http_authorization != "Bearer good") {{ return 401; }}
            proxy_pass http://api;
        }}
        location = /version {{ proxy_pass http://api; }}
    }}
}}
"""
TRAEFIK_CONFIGURATION = """
http:
  routers:
    open: {{rule: "Path(`/version`)", service: api, entryPoints: [web]}}
    tasks:
      rule: "PathPrefix(`/api/`) && Header(`Authorization`, `Bearer good`)"
      service: api
      entryPoints: [web]
  services:
    api: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{api_port}"}}]}}}}
"""


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as own:
        try:
            yield
        finally:
            own.terminate()


@contextmanager
def nginx(directory: Path, api_port: int, port: int) -> Iterator[None]:
    assert NGINX is not None
    user = "user root;" if os.getuid() == 0 else ""
    text = NGINX_CONFIGURATION.format(directory=directory, user=user, api_port=api_port, port=port)
    (directory / "nginx.conf").write_text(text)
    arguments = ["-p", str(directory), "-c", str(directory / "nginx.conf")]
    with running([NGINX, *arguments], directory / "nginx.log"):
        yield


@contextmanager
def traefik(directory: Path, api_port: int, port: int) -> Iterator[None]:
    assert TRAEFIK is not None
    (directory / "traefik.yml").write_text(TRAEFIK_CONFIGURATION.format(api_port=api_port))
    arguments = [
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={directory / 'traefik.yml'}",
        "--global.checknewversion=false", "--global.sendanonymoususage=false",
    ]  # fmt: skip
    with running([TRAEFIK, *arguments], directory / "traefik.log"):
        yield


def smuggler(number: int) -> tuple[bytes, bytes]:
    """Return head and body: of every two, one hides a task and one swallows the next request."""
    hidden = b"POST /api/v1/tasks HTTP/1.1\r\nHost: q\r\nContent-Length: %d\r\n\r\n%b" % (
        len(BODY),
        BODY,
    )
    inner = hidden if number % 2 else b"GET /version HTTP/1.1\r\nX-Swallow: "
    # llhttp passes over CR LF before a request line, so that any cut between reads will do.
    body = b"\r\n" * 20000 + inner
    head = (
        b"POST /version HTTP/1.1\r\nHost: q\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    return head, body


async def smuggle(port: int, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head, body = smuggler(number)
    writer.write(head)
    await writer.drain()
    writer.write(body)
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()


async def honest(client: httpx.AsyncClient) -> int:
    response = await client.post(
        "/api/v1/tasks",
        content=BODY,
        headers={"Authorization": "Bearer good", "Content-Type": "application/json"},
    )
    return response.status_code


async def tasks_taken(metrics_port: int) -> float:
    """Return how many tasks the API has handed to Redis."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{metrics_port}/metrics")).text
    return sum(map(float, re.findall(r"messaging_client_sent_messages_total{.*} (\S+)", page)))


async def proxied(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/version")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(nginx, marks=pytest.mark.skipif(NGINX is None, reason="no nginx")),
        pytest.param(traefik, marks=pytest.mark.skipif(TRAEFIK is None, reason="no traefik")),
    ],
)
async def test_nothing_is_smuggled_through_a_proxy(
    api_at: Api, tmp_path: Path, proxy: Callable[..., AbstractContextManager[None]]
) -> None:
    """Behind a proxy that passes upgrades on no hidden task arrives, and no request is lost."""
    metrics_port, port = free_port(), free_port()
    api_at.environment["METRICS_PORT"] = str(metrics_port)
    api_at.start()
    await api_at.until_alive()
    with proxy(tmp_path, api_at.port, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await wait_until(lambda: proxied(client), "the proxy serves", 30)
            statuses = []
            for number in range(ROUNDS):
                await smuggle(port, number)
                statuses.append(await honest(client))

    assert statuses == [201] * ROUNDS
    assert await tasks_taken(metrics_port) == ROUNDS
