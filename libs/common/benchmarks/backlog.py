"""What a task costs with a short and with a long backlog, and how long others wait meanwhile.

    backlog.py [--server PATH] [--queued 1000000] [--due 500000] [--sample 5000] [--rounds 7]

Starts servers of its own. Prints microseconds of Redis CPU a task for enqueue, claim, settle and
retry behind 1,000 and behind ``--queued`` waiting tasks with their ratio (medians of rounds that
alternate between two servers: a machine is not equally fast all the time), bytes of Redis a queued
task, and the longest a PING of another client took while ``--due`` tasks became due at once.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio

from queue_common.cancellation import cancel_and_wait
from queue_common.queue import Claim, TaskQueue
from queue_common.queue.storage.connection import reply
from queue_common.retry import Decision, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Attempt, Outcome, Task, new_task_id
from queue_standalone.valkey import find_server
from queue_testing import RedisServer, wait_until

BATCH = 64
IN_FLIGHT = 1000
"""WORKER_MAX_IN_FLIGHT's default."""
STEPS = ("enqueue", "claim", "settle", "retry")
BODY = b'{"order_id":1234567,"status":"created","note":"%s"}' % (b"x" * 73)
HEADERS = {
    "Content-Type": "application/json",
    "X-Seq": "1000000",
    "X-Sent-At": "1795523504032000000",
}


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - a benchmark's output


def task(lane: str) -> Task:
    """Return a task with a body of 120 bytes."""
    now = round(time.time() * 1000)
    return Task(1, f"http://{lane}/ok", "POST", HEADERS, BODY, now, lane)


class Bench:
    """One queue on one server, and the server's CPU clock."""

    def __init__(self, address: str) -> None:
        settings, queue = RedisSettings(redis_addr=address, redis_url=None), QueueSettings()
        self.queue = TaskQueue(settings, queue)
        self.raw = redis.asyncio.Redis.from_url(f"redis://{address}")

    async def cpu_us(self) -> float:
        """Return the microseconds of CPU the server has used."""
        info = await self.raw.info("cpu")
        return 1e6 * float(info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"])

    async def used_bytes(self) -> int:
        """Return the bytes the server has in use."""
        return int((await self.raw.info("memory"))["used_memory"])

    async def fill(self, tasks: int, *, lanes: int = 1, delay_ms: int = 0) -> None:
        """Submit tasks, ``BATCH`` at a time."""
        for first in range(0, tasks, BATCH):
            submissions = [
                self.queue.submit(
                    new_task_id(), task(f"sink{i % lanes}.example:80"), delay_ms=delay_ms
                )
                for i in range(first, min(first + BATCH, tasks))
            ]
            await asyncio.gather(*submissions)

    async def claim(self, tasks: int, claims: list[Claim]) -> None:
        """Claim until ``claims`` holds that many."""
        while len(claims) < tasks:
            claims += await self.queue.claim(min(BATCH, tasks - len(claims)))

    async def settle(self, claims: list[Claim], *, retry: bool) -> None:
        """Settle claims, ``BATCH`` at a time."""
        failed = Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 503, "answered 503")
        delivered = Attempt(1, 0, 1.0, Outcome.DELIVERED, 200)
        for first in range(0, len(claims), BATCH):
            due = round(time.time() * 1000) + 3_600_000
            decision: Decision = RetryAt(due) if retry else Done()
            attempt = failed if retry else delivered
            batch = claims[first : first + BATCH]
            await asyncio.gather(*(self.queue.settle(c, attempt, decision) for c in batch))

    async def nothing_is_due(self) -> bool:
        """Say whether all scheduled tasks have been moved."""
        return not await reply(self.raw.zcard("{tasks}:due"))

    async def make_due(self, lane: str) -> None:
        """Make a lane's scheduled tasks due now, all at once."""
        script = """
            local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
            for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], ARGV[1], id) end
            redis.call('ZADD', KEYS[2], ARGV[1], ARGV[2])
        """
        now = str(round(time.time() * 1000))
        await reply(self.raw.eval(script, 2, f"{{tasks}}:s:{lane}", "{tasks}:due", now, lane))

    async def costs(self, sample: int) -> dict[str, float]:
        """Return the microseconds a task of each step, over ``sample`` tasks.

        As a worker does, at most ``IN_FLIGHT`` are claimed and not yet settled.
        """
        spent = dict.fromkeys(STEPS, 0.0)
        await self.clocked(spent, "enqueue", self.fill(sample))
        for _ in range(sample // IN_FLIGHT):
            claims: list[Claim] = []
            await self.clocked(spent, "claim", self.claim(IN_FLIGHT, claims))
            half = len(claims) // 2
            await self.clocked(spent, "settle", self.settle(claims[:half], retry=False))
            await self.clocked(spent, "retry", self.settle(claims[half:], retry=True))
        tasks = {"enqueue": sample, "claim": sample, "settle": sample / 2, "retry": sample / 2}
        return {step: us / tasks[step] for step, us in spent.items()}

    async def clocked(self, spent: dict[str, float], step: str, work: Awaitable[None]) -> None:
        """Add the server's CPU for ``work`` to its step."""
        before = await self.cpu_us()
        await work
        spent[step] += await self.cpu_us() - before


async def measure_backlog(binary: Path, queued: int, sample: int, rounds: int) -> None:
    """Print what tasks cost behind a short and a long backlog."""
    async with on_own_server(binary) as short, on_own_server(binary) as long:
        for bench in (short, long):
            await bench.queue.start_consuming(worker_id="bench", concurrency=1_000_000)
            await bench.fill(1000)
            await bench.costs(sample)
        before = await long.used_bytes()
        await long.fill(queued - 1000)
        size = (await long.used_bytes() - before) / (queued - 1000)
        say(f"bytes of Redis a queued task   {size:.0f}")
        measured: list[list[dict[str, float]]] = [[], []]
        for _ in range(rounds):
            for bench, found in zip((short, long), measured, strict=True):
                found.append(await bench.costs(sample))
    say(f"{'us of Redis CPU a task':30} {'1,000':>9} {queued:>11,}   ratio")
    for step in (*STEPS, "together"):
        a, b = (statistics.median(_cost(costs, step) for costs in found) for found in measured)
        say(f"{step:30} {a:9.2f} {b:11.2f} {b / a:7.2f}")


def _cost(costs: dict[str, float], step: str) -> float:
    return sum(costs.values()) if step == "together" else costs[step]


async def measure_due(binary: Path, due: int) -> None:
    """Print the longest PING while many tasks become due and are claimed."""
    async with on_own_server(binary) as bench:
        await bench.fill(due, lanes=100, delay_ms=3_600_000)
        for lane in range(100):
            await bench.make_due(f"sink{lane}.example:80")
        await bench.queue.start_consuming(worker_id="bench", concurrency=10)
        await bench.raw.config_set("slowlog-log-slower-than", 1000)
        port = str(bench.raw.connection_pool.connection_kwargs["port"])
        ping = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("ping.py")), port,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        claiming = asyncio.create_task(drain(bench))
        await wait_until(bench.nothing_is_due, "all due tasks moved", 300)
        await cancel_and_wait([claiming])
        out, _ = await ping.communicate(b"")
        slow = await reply(bench.raw.slowlog_get(128))
    count, p99, longest = out.decode().split()
    script = max((entry["duration"] for entry in slow), default=1000) / 1000
    say(
        f"while {due:,} became due at once: {count} PINGs of another client, p99 {p99} ms,"
        f" longest {longest} ms; longest script {script:.1f} ms"
    )


async def drain(bench: Bench) -> None:
    """Claim and settle until cancelled."""
    while True:
        await bench.settle(await bench.queue.claim(BATCH), retry=False)


@asynccontextmanager
async def on_own_server(binary: Path) -> AsyncIterator[Bench]:
    """Start a server and connect to it."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(binary, Path(directory)).start()
        bench = Bench(server.address)
        try:
            yield bench
        finally:
            await bench.queue.disconnect()
            await bench.raw.aclose()
            server.stop()


async def main() -> None:
    """Run both measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", type=Path, default=find_server(), help="of Redis or Valkey")
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=500_000)
    parser.add_argument("--sample", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    binary = arguments.server
    await measure_backlog(binary, arguments.queued, arguments.sample, arguments.rounds)
    await measure_due(binary, arguments.due)


if __name__ == "__main__":
    asyncio.run(main())
