"""What a request costs: CPU of this process, by client, at 64 in flight over loopback.

``make bench-client``; ``--memory 1000000`` runs our transport that often and watches its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport

from queue_testing.attempts import open_transport
from queue_worker.transport import HttpClient, Request

IN_FLIGHT = 64
BODY = b"x" * 256
HEADERS = [
    (b"Content-Type", b"application/json"),
    (b"User-Agent", b"queue-system/0"),
    (b"X-Task-Id", b"01a20d98-82b5-7111-9858-f3ef6d08a280"),
    (b"X-Task-Attempt", b"1"),
]

SendOne = Callable[[int], Awaitable[None]]


class Progress:
    """As a delivery has one."""

    phase = ""
    address: str | None = None
    first_byte_at = 0.0


def by_transport(transport: HttpClient, url: str, *, one_url: bool = True) -> SendOne:
    """Make requests as a delivery does, straight to our transport."""

    async def request(number: int) -> None:
        target = url if one_url else f"{url}{number}"
        response = await transport.send(Request("POST", target, HEADERS, BODY, Progress()))
        assert response.body == b"ok"  # noqa: S101

    return request


def by_httpx_transport(transport: httpx.AsyncBaseTransport, url: str) -> SendOne:
    """Make requests straight to a transport of httpx's."""

    async def request(_number: int) -> None:
        made = httpx.Request("POST", url, headers=HEADERS, content=BODY)
        response = await transport.handle_async_request(made)
        assert [part async for part in response.aiter_raw()] == [b"ok"]  # noqa: S101
        await response.aclose()

    return request


def by_client(client: httpx.AsyncClient, url: str) -> SendOne:
    """Make requests by httpx's client, as its documentation shows."""

    async def request(_number: int) -> None:
        response = await client.post(url, content=BODY, headers=HEADERS)
        assert response.content == b"ok"  # noqa: S101

    return request


def by_aiohttp(session: aiohttp.ClientSession, url: str) -> SendOne:
    """Make requests by aiohttp's client."""
    headers = {name.decode(): value.decode() for name, value in HEADERS}

    async def request(_number: int) -> None:
        async with session.post(url, data=BODY, headers=headers) as response:
            assert await response.read() == b"ok"  # noqa: S101

    return request


async def run(request: SendOne, total: int) -> tuple[float, float]:
    """Make ``total`` requests, IN_FLIGHT at a time; return µs of CPU and of time a request."""
    numbers = iter(range(total))

    async def work() -> None:
        for number in numbers:
            await request(number)

    cpu, begin = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    spent = time.process_time() - cpu, time.perf_counter() - begin
    return spent[0] / total * 1e6, spent[1] / total * 1e6


async def compare(url: str, total: int) -> None:
    """Measure all clients."""
    async with AsyncExitStack() as stack:
        transport = open_transport(max_open=1000)
        stack.push_async_callback(transport.aclose)
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
        httpx_transport = httpx.AsyncHTTPTransport(limits=limits)
        client = await stack.enter_async_context(httpx.AsyncClient(limits=limits))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        bridged = AiohttpTransport(client=lambda: aiohttp.ClientSession())
        stack.push_async_callback(bridged.aclose)
        clients = {
            "ours": (by_transport(transport, url), total),
            "ours, each URL new": (by_transport(transport, url, one_url=False), total),
            "aiohttp": (by_aiohttp(session, url), total // 2),
            "httpx over aiohttp": (by_httpx_transport(bridged, url), total // 4),
            "httpx transport": (by_httpx_transport(httpx_transport, url), total // 20),
            "httpx client": (by_client(client, url), total // 20),
        }
        print(f"{'client':24}{'CPU us':>10}{'time us':>10}{'requests':>10}")  # noqa: T201
        for name, (request, times) in clients.items():
            await run(request, IN_FLIGHT * 4)
            cpu, wall = await run(request, times)
            print(f"{name:24}{cpu:10.1f}{wall:10.1f}{times:10}")  # noqa: T201


async def watch_memory(url: str, total: int) -> None:
    """Run our transport ``total`` times and print the process' memory on the way."""
    transport = open_transport(max_open=1000)
    request = by_transport(transport, url, one_url=False)
    await run(request, 20_000)
    for done in range(0, total, max(1, total // 10)):
        await run(request, total // 10)
        gc.collect()
        objects = len(gc.get_objects())
        print(f"{done + total // 10:10} requests {_resident_kib():8} KiB {objects:8} objects")  # noqa: T201
    await transport.aclose()


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def main() -> None:
    """Start the destination and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000, help="by the fast clients")
    parser.add_argument("--memory", type=int, metavar="REQUESTS", help="watch memory instead")
    options = parser.parse_args()
    sink = Path(__file__).with_name("sink.py")
    with subprocess.Popen(  # noqa: S603
        [sys.executable, str(sink)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None  # noqa: S101
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/hook/"
        if options.memory:
            uvloop.run(watch_memory(url, options.memory))
        else:
            uvloop.run(compare(url, options.requests))


if __name__ == "__main__":
    main()
