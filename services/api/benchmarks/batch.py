"""What a task in a batch costs the API: CPU of its process, and its memory."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from queue_standalone.valkey import find_server
from queue_testing import RedisServer, free_port, wait_until

TASK = {"url": "http://localhost:9/hook", "headers": {"X-Event": "order"}, "body": {"order_id": 1}}
BATCH_TASKS, BATCHES = 10_000, 3
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


async def batches(client: httpx.AsyncClient, number: int, media_type: str) -> None:
    """Send batches of 10,000 tasks, one after the other."""
    content = b"\n".join([json.dumps(TASK).encode()] * BATCH_TASKS)
    if media_type == "application/json":
        content = b"[" + content.replace(b"\n", b",") + b"]"
    for _ in range(number):
        response = await client.post(
            "/api/v1/tasks/batch", content=content, headers={"Content-Type": media_type}
        )
        if response.text.count('"status":201') != BATCH_TASKS:
            raise SystemExit(response.text[:300])


async def measure(url: str, pid: int, rounds: int) -> None:
    """Print what each way costs."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        await wait_until(lambda: _answers(client), "the API answers", 30)
        for media_type in ("application/x-ndjson", "application/json"):
            for _ in range(rounds):
                cpu, begin = cpu_seconds(pid), time.perf_counter()
                await batches(client, BATCHES, media_type)
                tasks = BATCHES * BATCH_TASKS
                cpu = (cpu_seconds(pid) - cpu) * 1e6 / tasks
                rate = tasks / (time.perf_counter() - begin)
                show(f"{media_type:<24}{cpu:8.1f} us a task, {rate:8.0f} tasks a second")
    show(f"most memory of the API: {peak_megabytes(pid):.0f} MB")


def show(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Start a server and an API of their own, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(find_server(), Path(directory)).start()
        environment = {
            **os.environ, "ENV": "production", "API_PORT": str(port), "API_AUTH": "off",
            "REDIS_ADDR": server.address, "EGRESS_ALLOW": "localhost",
            "QUEUE_NAME": f"bench-{uuid.uuid4().hex}",
        }  # fmt: skip
        api = subprocess.Popen(
            [sys.executable, "-m", "queue_api"], env=environment, cwd=directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            asyncio.run(measure(f"http://127.0.0.1:{port}", api.pid, rounds))
        finally:
            api.kill()
            api.wait()
            server.stop()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
