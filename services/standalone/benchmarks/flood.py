"""What one project with many hanging destinations does to the others.

A project has 100,000 lanes, each a destination of its own that takes requests and never responds.
A second project sends tasks to a destination that responds, some a second: all to one lane, or each
to a lane of its own. Prints how long after its submission each of those requests arrives. For
comparison, the same with all tasks in one project.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from queue_common.lanes import lane_in
from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import VERSION, Task, TaskId, new_task_id
from queue_standalone.valkey import find_server
from queue_testing import RedisServer, free_port

REQUEST_TIMEOUT_SECONDS = 30
BATCH = 2000


class Destinations:
    """A port on all of 127.0.0.0/8 that hangs, and one that responds at once."""

    def __init__(self) -> None:
        self.hanging_port, self.honest_port = free_port(), free_port()
        self.hanging = 0
        self.arrived: dict[str, float] = {}

    async def start(self) -> None:
        """Listen."""
        for respond, port in ((self._hang, self.hanging_port), (self._respond, self.honest_port)):
            await asyncio.start_server(respond, "0.0.0.0", port, backlog=4096)  # noqa: S104

    async def _hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hanging += 1
        await reader.read()
        self.hanging -= 1
        writer.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            self.arrived.setdefault(head.split(b" ")[1][1:].decode(), time.monotonic())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _task(host: str, port: int, path: str, project: str) -> Task:
    url = f"http://{host}:{port}/{path}"
    lane = lane_in(project, f"{host}:{port}")
    return Task(VERSION, url, "GET", {}, None, round(time.time() * 1000), lane)


def _host(number: int) -> str:
    return f"127.{1 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"


def _worker(server: RedisServer, directory: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "ENV": "production", "REDIS_ADDR": server.address, "LOG_LEVEL": "ERROR",
        "EGRESS_ALLOW": "127.0.0.0/8", "METRICS_PORT": str(free_port()), "QUEUE_NAME": "flood",
        "WORKER_REQUEST_TIMEOUT": f"{REQUEST_TIMEOUT_SECONDS}s",
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-m", "queue_worker"], cwd=directory, env=environment)


async def _flood(queue: TaskQueue, lanes: int, port: int, project: str) -> None:
    for begin in range(0, lanes, BATCH):
        numbers = range(begin, min(begin + BATCH, lanes))
        await asyncio.gather(
            *(queue.submit(new_task_id(), _task(_host(n), port, "x", project)) for n in numbers)
        )


async def _send(
    queue: TaskQueue, destinations: Destinations, options: argparse.Namespace, project: str
) -> list[float]:
    """Send the honest project's tasks; return after how many ms each arrived."""
    sent: dict[str, float] = {}
    for number in range(options.tasks):
        path = f"{number}"
        host = _host(number + (1 << 22)) if options.new_lanes else "127.0.0.1"
        sent[path] = time.monotonic()
        task = _task(host, destinations.honest_port, path, project)
        await queue.submit(TaskId(new_task_id()), task)
        await asyncio.sleep(1 / options.rate)
    for _ in range(2 * REQUEST_TIMEOUT_SECONDS):
        if len(destinations.arrived) == options.tasks:
            break
        await asyncio.sleep(1)
    return [
        (destinations.arrived[p] - at) * 1e3 for p, at in sent.items() if p in destinations.arrived
    ]


async def _until_many_hang(destinations: Destinations) -> None:
    before = -1
    while destinations.hanging < 100 or destinations.hanging > before:
        before = destinations.hanging
        await asyncio.sleep(1)


async def measure(options: argparse.Namespace, *, projects: bool) -> None:
    """Run the flood and the honest project, and print what came of it."""
    destinations = Destinations()
    await destinations.start()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "redis").mkdir()
        server = RedisServer(find_server(), directory / "redis").start()
        queue = TaskQueue(
            RedisSettings(redis_addr=server.address), QueueSettings(queue_name="flood")
        )
        names = ("flood", "honest") if projects else ("default", "default")
        await _flood(queue, options.lanes, destinations.hanging_port, names[0])
        worker = _worker(server, directory)
        try:
            await _until_many_hang(destinations)
            hanging = destinations.hanging
            found = sorted(await _send(queue, destinations, options, names[1]))
        finally:
            worker.kill()
            worker.wait()
            await queue.disconnect()
            server.kill()
    how = "two projects" if projects else "one project "
    print(  # noqa: T201 - what the command is for
        f"{how}: {hanging} requests hang; {len(found)} of {options.tasks} arrived{_spread(found)}",
        flush=True,
    )


def _spread(found: list[float]) -> str:
    if len(found) < 2:
        return ""
    percentiles = statistics.quantiles(found, n=100)
    return f"; p50 {percentiles[49]:.1f} ms, p99 {percentiles[98]:.1f} ms, max {found[-1]:.1f} ms"


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, default=100_000)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="honest tasks a second")
    parser.add_argument(
        "--new-lanes", action="store_true", help="each honest task has its own lane"
    )
    options = parser.parse_args()
    for projects in (True, False):
        asyncio.run(measure(options, projects=projects))


if __name__ == "__main__":
    main()
