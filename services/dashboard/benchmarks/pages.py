"""What each page of the dashboard takes with many tasks: ``make bench-dashboard``."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from queue_client import AsyncQueueClient, NewTask, Retry
from queue_standalone.valkey import find_server
from queue_testing import RedisServer, free_port, wait_until
from queue_testing.system import System

PAGES = (
    "/", "/tasks", "/tasks?state=dead", "/tasks?state=queued&label=no%3Asuch", "/tasks/{}",
    "/dead-letters", "/lanes", "/lane?name=lane-1", "/operations", "/live", "/send",
)  # fmt: skip
ROUNDS = 15
BATCH = 10_000
LANES = 100
NOBODY = "http://127.0.0.1:9/nobody"


def dead(number: int, url: str) -> Iterator[NewTask]:
    """Tasks that die at their first attempt, of a 404: a destination that is away is spared."""
    for i in range(number):
        yield NewTask(url, lane=f"dead-{i % LANES}", retry=Retry(max_attempts=1))


def waiting(number: int) -> Iterator[NewTask]:
    """Tasks that nobody takes: no worker runs."""
    for i in range(number):
        yield NewTask(NOBODY, lane=f"lane-{i % LANES}", body={"n": i}, labels={"n": str(i % 1000)})


async def fill(client: AsyncQueueClient, system: System, arguments: argparse.Namespace) -> str:
    """Put dead and waiting tasks into the queue; return the id of one that waits."""
    await system.start("worker")
    async for _ in client.send_batch(
        dead(arguments.dead, f"{system.url}/nothing"), chunk_size=BATCH
    ):
        pass

    async def all_dead() -> bool:
        now = (await client.stats()).now
        return bool(now.dead >= arguments.dead)

    await wait_until(all_dead, "all are dead", 600, every_seconds=1)
    system.kill("worker")
    last = ""
    async for item in client.send_batch(waiting(arguments.waiting), chunk_size=BATCH):
        last = item.task_id or last
    return last


def cpu_ms(pid: int) -> float:
    """Return the CPU time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measure(url: str, task_id: str, pid: int) -> None:
    """Print the times and the size of each page, and the dashboard's CPU time for it."""
    print(f"{'page':40} {'first byte p50':>15} {'max':>8} {'CPU':>8} {'size':>9}")  # noqa: T201
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for page in PAGES:
            took, size, cpu = [], 0, cpu_ms(pid)
            for _ in range(ROUNDS):
                began = time.perf_counter()
                async with http.stream("GET", page.format(task_id)) as answer:
                    took.append((time.perf_counter() - began) * 1000)
                    assert answer.status_code == 200, page  # noqa: S101
                    size = len(await answer.aread())
            p50, most = statistics.median(took), max(took)
            cpu = (cpu_ms(pid) - cpu) / ROUNDS
            line = f"{page:40} {p50:12.1f} ms {most:5.0f} ms {cpu:5.1f} ms {size / 1000:6.1f} kB"
            print(line)  # noqa: T201


async def run(arguments: argparse.Namespace) -> None:
    """Fill a queue and measure the pages."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = RedisServer(find_server(), directory).start()
        system = System(directory, server.address, DEAD_MAX="1000000", DEAD_MAX_BYTES="4GiB")
        port = free_port()
        variables = {
            **os.environ, "DASHBOARD_API_URL": system.url, "DASHBOARD_PORT": str(port),
        }  # fmt: skip
        dashboard = subprocess.Popen([sys.executable, "-m", "queue_dashboard"], env=variables)  # noqa: ASYNC220
        try:
            await system.start("api")
            async with AsyncQueueClient(system.url) as client:
                task_id = await fill(client, system, arguments)
                print(f"{(await client.stats()).now}")  # noqa: T201
            await measure(f"http://127.0.0.1:{port}", task_id, dashboard.pid)
        finally:
            dashboard.terminate()
            dashboard.wait(20)
            system.stop()
            server.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--dead", type=int, default=100_000)
    asyncio.run(run(parser.parse_args()))
