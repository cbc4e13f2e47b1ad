"""Real workers that are killed, or could be for their memory: what becomes of the tasks."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from queue_common.queue import TaskQueue
from queue_common.queue.storage.connection import reply
from queue_common.settings import QueueSettings
from queue_common.task import State, TaskId, new_task_id
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import CannedResponse, Receiver
from queue_testing.tasks import a_task

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
MIB = 1 << 20
BODY = 1_000_000
BUDGET = 40 * MIB
MAX_REPLY = 16 * MIB


@pytest.fixture
async def start(
    redis_server: RedisServer, queue_settings: QueueSettings, tmp_path: Path
) -> AsyncIterator[Start]:
    """Starts workers of the test's queue; kills at the end what is left of them."""
    started: list[asyncio.subprocess.Process] = []
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}

    async def start_one(**variables: str) -> asyncio.subprocess.Process:
        environment = {
            **kept, "EGRESS_ALLOW": "127.0.0.0/8", "REDIS_ADDR": redis_server.address,
            "QUEUE_NAME": queue_settings.queue_name, **variables,
        }  # fmt: skip
        worker = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("queue-worker")), cwd=tmp_path, env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        started.append(worker)
        return worker

    yield start_one
    for worker in started:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


def memory(worker: asyncio.subprocess.Process, field: str) -> int:
    """Return a figure of the worker's resident memory in bytes: VmRSS, or VmHWM for the maximum."""
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


async def active(queue: TaskQueue) -> int:
    """Count what is claimed."""
    return (await queue.reader.count()).active


async def test_large_tasks_in_flight_stay_within_their_bytes(
    start: Start, queue: TaskQueue
) -> None:
    """Destinations that hang hold as many large tasks as fit, each once in the worker's memory."""
    async with Receiver() as receiver:
        receiver.respond_with("/small", [200])
        worker = await start(WORKER_MAX_IN_FLIGHT_BYTES=str(BUDGET), WORKER_CONCURRENCY="100")
        await queue.submit(new_task_id(), a_task(f"{receiver.url}/small", body=b"x"))
        await wait_until(lambda: len(receiver.requests) == 1, "the worker delivers", 20)
        at_rest = memory(worker, "VmRSS")
        receiver.respond_with("/", [CannedResponse(hangs=True)])
        for _ in range(120):
            await queue.submit(new_task_id(), a_task(receiver.url, body=b"x" * BODY))
        most = BUDGET // (BODY + 200)

        async def full() -> bool:
            return await active(queue) == most

        await wait_until(full, f"{most} tasks are in flight", 20)
        taken = memory(worker, "VmHWM") - at_rest

    assert await active(queue) <= most
    assert taken < BUDGET * 1.5 + MAX_REPLY


async def test_three_kills_condemn_none_of_the_others(
    start: Start, queue: TaskQueue, queue_settings: QueueSettings, redis_server: RedisServer
) -> None:
    """What was in flight when workers were killed is delivered as soon as one lives."""
    prefix = f"{{{queue_settings.queue_name}}}:"
    async with Receiver() as receiver, Redis(port=redis_server.port) as redis:
        ids: list[TaskId] = [new_task_id() for _ in range(10)]
        for task_id in ids:
            await queue.submit(task_id, a_task(f"{receiver.url}/{task_id}"))
            receiver.respond_with(f"/{task_id}", [CannedResponse(hangs=True)])
        for number in range(1, 4):
            await kill_one(start, queue, redis, prefix, at_least=10 if number < 3 else 2)
        for task_id in ids:
            receiver.respond_with(f"/{task_id}", [200])
        await start(WORKER_MAX_IN_FLIGHT="32")

        async def delivered() -> bool:
            return [(await queue.get_task(i)).state for i in ids] == [State.DELIVERED] * 10

        await wait_until(delivered, "all are delivered", 40)


async def kill_one(
    start: Start, queue: TaskQueue, redis: Redis, prefix: str, *, at_least: int
) -> None:
    """Start a worker, kill it with tasks in flight, and let its lease be over."""
    worker = await start(WORKER_MAX_IN_FLIGHT="32")

    async def busy() -> bool:
        leases = await redis.zrangebyscore(f"{prefix}workers", 2, "+inf")
        held = [await reply(redis.hlen(f"{prefix}w:{i.decode()}")) for i in leases]
        return max(held, default=0) >= at_least

    await wait_until(busy, "the worker holds tasks", 20)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    for lease in await redis.zrange(f"{prefix}workers", 0, -1):
        await redis.zadd(f"{prefix}workers", {lease: 1}, xx=True)
