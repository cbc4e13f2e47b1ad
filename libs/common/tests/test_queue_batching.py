"""Batched: concurrent calls share round trips, and an idle worker makes none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import redis.asyncio

from queue_common.queue import Claim, TaskQueue
from queue_common.queue.activity import Activity
from queue_common.queue.enqueue_batcher import EnqueueBatcher
from queue_common.queue.hooks import QueueHooks
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.scripts import digest
from queue_common.retry import Done
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import new_task_id
from queue_testing import RedisServer, wait_until
from queue_testing.inspector import QueueInspector
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt


@pytest.fixture
def server(start_server: Callable[..., RedisServer]) -> RedisServer:
    """A server of the test's own, whose statistics are its own."""
    return start_server()


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """A plain client of it."""
    client = redis.asyncio.Redis(port=server.port)
    yield client
    await client.aclose()


@pytest.fixture
async def open_worker(server: RedisServer) -> AsyncIterator[Callable[..., TaskQueue]]:
    """Opens clients of one queue."""
    opened: list[TaskQueue] = []

    def open_one() -> TaskQueue:
        settings = RedisSettings(redis_addr=server.address)
        opened.append(TaskQueue(settings, QueueSettings(queue_name="batching")))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.disconnect()


async def _scripts_run(client: redis.asyncio.Redis) -> int:
    stats = await client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def _commands(client: redis.asyncio.Redis) -> int:
    return int((await client.info("stats"))["total_commands_processed"])


async def test_concurrent_submissions_share_round_trips(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis
) -> None:
    """A thousand concurrent submissions make a handful of script calls."""
    queue = open_worker()
    await queue.submit(new_task_id(), a_task())
    before = await _scripts_run(client)
    results = await asyncio.gather(
        *(queue.submit(new_task_id(), a_task()) for _ in range(1000))
    )  # fmt: skip

    assert results == [True] * 1000
    assert await _scripts_run(client) - before <= 1000 / 200 + 1


async def test_clients_who_come_back_go_together_at_once(
    scripted: ScriptedQueue,
) -> None:
    """A batch gathers until all are back who were in the last one, and no longer."""
    submitter = EnqueueBatcher(
        scripted.scripts, QueueHooks(), Activity(scripted.scripts), replicas=0, gather_seconds=3600
    )
    seen: list[int] = []

    async def submit_ten() -> None:
        for turn in range(10):
            task = a_task()
            await submitter.submit(new_task_id(), task.lane, task.encode(), task.digest())
            seen.append(turn)

    async with asyncio.timeout(30):
        await asyncio.gather(*(submit_ten() for _ in range(20)))
        await submitter.close()

    assert seen == [turn for turn in range(10) for _ in range(20)]
    assert (await scripted.reader.count()).queued == 200


async def test_client_who_stays_away_is_waited_for_once(scripted: ScriptedQueue) -> None:
    """Only one batch waits its full time for a client that does not come back."""
    rounds, gather_seconds = 20, 0.25
    batcher = EnqueueBatcher(
        scripted.scripts, QueueHooks(), Activity(scripted.scripts),
        replicas=0, gather_seconds=gather_seconds,
    )  # fmt: skip

    async def submit(times: int) -> None:
        for _ in range(times):
            task = a_task()
            await batcher.submit(new_task_id(), task.lane, task.encode(), task.digest())

    # Half of the time that it takes if every round waits.
    async with asyncio.timeout(rounds * gather_seconds / 2):
        await asyncio.gather(submit(1), submit(rounds), submit(rounds))
        await batcher.close()

    assert (await scripted.reader.count()).queued == 2 * rounds + 1


async def test_large_submissions_make_smaller_batches(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis
) -> None:
    """Bodies of 256 KiB go four to five a call: no client waits long for another's megabytes."""
    queue = open_worker()
    await queue.submit(new_task_id(), a_task())
    before = await _scripts_run(client)
    await asyncio.gather(
        *(queue.submit(new_task_id(), a_task(body=bytes(256 * 1024))) for _ in range(20))
    )

    assert 4 <= await _scripts_run(client) - before <= 6


async def test_claims_and_settlements_share_round_trips(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis
) -> None:
    """A thousand tasks are claimed and settled with far fewer script calls than tasks."""
    queue = open_worker()
    await queue.start_consuming(worker_id="worker", concurrency=100)
    await asyncio.gather(*(queue.submit(new_task_id(), a_task()) for _ in range(1000)))
    before = await _scripts_run(client)
    settled = 0

    async def settle(claim: Claim) -> None:
        nonlocal settled
        await queue.settle(claim, an_attempt(), Done())
        settled += 1

    async with asyncio.TaskGroup() as settling:
        claimed = 0
        while claimed < 1000:
            claims = await queue.claim(100)
            claimed += len(claims)
            for claim in claims:
                settling.create_task(settle(claim))

    assert settled == 1000
    assert await _scripts_run(client) - before <= 100


class Watch:
    """What MONITOR has shown of a server: the script calls in their order."""

    def __init__(self) -> None:
        self.claims = 0

    async def run(self, port: int) -> None:
        """Read until cancelled."""
        # MONITOR shows a script that is loaded as one line.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000_000)
        writer.write(b"MONITOR\r\n")
        try:
            while line := await reader.readline():
                self.claims += digest("claim").encode() in line
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def watch(server: RedisServer) -> AsyncIterator[Watch]:
    """The claims of all workers, as the server sees them."""
    watch = Watch()
    running = asyncio.create_task(watch.run(server.port))
    yield watch
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _settles_down(client: redis.asyncio.Redis, watch: Watch, workers: int = 1) -> None:
    """Wait until all workers are blocked, and none looks for work any more."""
    seen = -1
    while seen != watch.claims:
        seen = watch.claims

        async def blocked() -> bool:
            return int((await client.info("clients"))["blocked_clients"]) == workers

        await wait_until(blocked, f"{workers} workers wait")
        for _ in range(10):
            await reply(client.ping())


async def test_idle_worker_is_silent(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis, watch: Watch
) -> None:
    """A worker that waits for work sends next to nothing: it does not poll."""
    queue = open_worker()
    await queue.start_consuming(worker_id="worker", concurrency=10)
    waiting = asyncio.create_task(queue.claim(10))
    await _settles_down(client, watch)
    before = await _commands(client)
    await asyncio.wait([waiting], timeout=1.0)

    # Our own two INFOs and, at most, a renewal and a new wait that fell into this second.
    assert await _commands(client) - before <= 6
    queue.stop_claiming()
    assert await waiting == []


async def test_task_reaches_an_idle_worker_without_a_poll(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis, watch: Watch
) -> None:
    """A task that arrives at an idle worker is claimed by the one look it causes."""
    queue = open_worker()
    await queue.start_consuming(worker_id="worker", concurrency=10)
    task_id = new_task_id()
    waiting = asyncio.create_task(queue.claim(10))
    await _settles_down(client, watch)
    before = watch.claims
    await queue.submit(task_id, a_task())
    claims = await waiting

    assert [claim.task_id for claim in claims] == [task_id]
    await wait_until(lambda: watch.claims == before + 1, "there was one look")


async def test_task_wakes_one_worker_of_many(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis, watch: Watch
) -> None:
    """Of eight idle workers one looks for the task that came; the others sleep on."""
    workers = [open_worker() for _ in range(8)]
    for number, worker in enumerate(workers):
        await worker.start_consuming(worker_id=f"worker-{number}", concurrency=10)
    waiting = [asyncio.create_task(worker.claim(10)) for worker in workers]
    await _settles_down(client, watch, 8)
    before = watch.claims
    await workers[0].submit(new_task_id(), a_task())
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await _settles_down(client, watch, 8)  # the one that has work still waits for more

    assert watch.claims - before == 1
    assert sum(task.done() for task in waiting) == 1
    for worker in workers:
        worker.stop_claiming()
    await asyncio.gather(*waiting)


async def test_burst_reaches_all_idle_workers(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis, watch: Watch
) -> None:
    """Where one worker cannot take all that came, it wakes the next one."""
    workers = [open_worker() for _ in range(4)]
    for number, worker in enumerate(workers):
        await worker.start_consuming(worker_id=f"worker-{number}", concurrency=10)
    waiting = [asyncio.create_task(worker.claim(5)) for worker in workers]
    await _settles_down(client, watch, 4)
    await asyncio.gather(*(workers[0].submit(new_task_id(), a_task()) for _ in range(20)))
    claims = await asyncio.wait_for(asyncio.gather(*waiting), 4)

    assert [len(each) for each in claims] == [5, 5, 5, 5]


async def test_prefetch_never_starves_another_idle_worker(
    open_worker: Callable[..., TaskQueue], client: redis.asyncio.Redis
) -> None:
    """A worker holds what it asked for and no more: the rest stays for others."""
    busy, idle = open_worker(), open_worker()
    await busy.start_consuming(worker_id="busy", concurrency=10)
    for _ in range(10):
        await busy.submit(new_task_id(), a_task())
    held = await busy.claim(1)
    await idle.start_consuming(worker_id="idle", concurrency=10)
    others = await idle.claim(20)
    snapshot = await QueueInspector(client, "batching").check()

    assert (len(held), len(others)) == (1, 9)
    assert sum(len(claims) for _, claims in snapshot.under("w:")) == 10
