"""What the metrics of one task cost API and worker, and what it costs to tell them.

Run with ``make bench-metrics``. The costs a task are in µs of CPU, everything a task brings about
counted; those of telling are in ms.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import redis.asyncio

from queue_api.http.counting import MetricsMiddleware
from queue_api.metrics import ApiMetrics
from queue_common.metrics.server import metrics_page
from queue_common.queue import Claim, QueueHooks, QueueStats
from queue_common.task import Attempt, Outcome, State, TaskId
from queue_standalone.valkey import find_server
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms
from queue_worker.metrics import WorkerMetrics

REPEAT = 200_000
BATCH = 20
"""Tasks that share a round trip in a busy system."""


def best(run: Callable[[], None]) -> float:
    """Return the least CPU a task in µs of five runs."""
    costs = []
    for _ in range(5):
        begin = time.process_time()
        run()
        costs.append((time.process_time() - begin) / REPEAT * 1e6)
    return min(costs)


def worker_cost() -> float:
    """Count delivered attempts, each with its share of a batch's counts."""
    metrics = WorkerMetrics("tasks")
    task = a_task()
    claim = Claim(
        TaskId("x"), task.lane, "lease", 1, 0, now_ms(), task, None, None, False, b"", None, 0
    )
    attempt = Attempt(1, now_ms() + 3, 12.5, Outcome.DELIVERED, 200)

    def run() -> None:
        for i in range(REPEAT):
            if i % BATCH == 0:
                metrics.claimed(BATCH)
                metrics.round_trip("settle", 0.001)
            begin = time.perf_counter()
            seconds = time.perf_counter() - begin + 0.01
            metrics.attempted(claim, attempt, state=State.DELIVERED, seconds=seconds)

    return best(run)


def api_cost() -> float:
    """Count POSTs through the application; less the same without counting."""
    metrics = ApiMetrics("tasks")
    scope = {"type": "http", "method": "POST", "path": "/api/v1/tasks"}
    start = {"type": "http.response.start", "status": 201, "headers": []}
    body = {"type": "http.response.body", "body": b""}

    async def app(_scope: object, _receive: object, send: Callable[..., object]) -> None:
        await send(start)  # type: ignore[misc]
        await send(body)  # type: ignore[misc]

    async def nothing(*_: object) -> None:
        return None

    def runs(through: Callable[..., object], *, counting: bool) -> Callable[[], None]:
        async def run() -> None:
            for i in range(REPEAT):
                if counting and i % BATCH == 0:
                    metrics.submitted(BATCH, "")
                    metrics.round_trip("enqueue", 0.001)
                await through(scope, nothing, nothing)  # type: ignore[misc]

        return lambda: asyncio.run(run())

    bare = best(runs(app, counting=False))
    return best(runs(MetricsMiddleware(app, metrics), counting=True)) - bare


async def telling(client: redis.asyncio.Redis) -> None:
    """Print what a scrape and a look at the lanes take, at some shapes of a backlog."""
    shapes = {"empty": (0, 1), "10,000 lanes of 1": (10_000, 1), "1 lane of 1,000,000": (1, 10**6)}
    for shape, (lanes, each) in shapes.items():
        queue = ScriptedQueue(client, shape.replace(" ", "-"))
        await fill(queue, lanes, each)
        await queue.snapshot()
        before = await cpu_ms(client)
        await client.config_resetstat()
        await queue.snapshot()
        stats = await client.info("commandstats")
        cost, calls = await cpu_ms(client) - before, stats["cmdstat_evalsha"]["calls"]
        print(  # noqa: T201
            f"look and read, {shape:22} {cost:5.1f} ms of Redis' CPU in {calls} calls"
        )


async def cpu_ms(client: redis.asyncio.Redis) -> float:
    """Return what the server has used of a CPU so far, other programs' share left out."""
    told = await client.info("cpu")
    return 1000 * float(told["used_cpu_user"] + told["used_cpu_sys"])


async def fill(queue: ScriptedQueue, lanes: int, each: int) -> None:
    """Submit tasks, a thousand a call."""
    names = [(f"{lane}-{n}", f"lane-{lane}") for lane in range(lanes) for n in range(each)]
    for begin in range(0, len(names), 1000):
        tasks = [(i, a_task(lane=lane)) for i, lane in names[begin : begin + 1000]]
        await queue.submit_all(tasks)


async def scrape(client: redis.asyncio.Redis) -> None:
    """Print what one answer of /metrics takes of a worker that has seen much."""
    metrics = WorkerMetrics("tasks")
    task = a_task()
    for status in (200, 201, 202, 204, 301, 400, 404, 409, 410, 422, 429, 500, 502, 503, 504):
        outcome = Outcome.DELIVERED if status < 300 else Outcome.HTTP_ERROR
        claim = Claim(TaskId("x"), "l", "lease", 1, 0, 1, task, None, None, False, b"", None, 0)
        attempt = Attempt(1, 2, 1.0, outcome, status)
        metrics.attempted(claim, attempt, state=State.DELIVERED, seconds=0.1)
    page = metrics_page(metrics, QueueStats(client, "empty", QueueHooks()))
    text = (await page()).body
    begin = time.process_time()
    for _ in range(50):
        await page()
    cost = (time.process_time() - begin) / 50 * 1000
    print(f"a scrape: {cost:.1f} ms of CPU, {len(text) / 1024:.0f} KiB")  # noqa: T201


async def main(directory: Path) -> None:
    """Print all of it."""
    print(f"worker  {worker_cost():5.2f} µs of CPU a task")  # noqa: T201
    server = RedisServer(find_server(), directory).start()
    client = redis.asyncio.Redis(port=server.port)
    try:
        await scrape(client)
        await telling(client)
    finally:
        await client.aclose()
        server.kill()


if __name__ == "__main__":
    print(f"api     {api_cost():5.2f} µs of CPU a task")  # noqa: T201
    with TemporaryDirectory() as name:
        sys.exit(asyncio.run(main(Path(name))))
