"""Restarts, flushed scripts and cut connections lose nothing and repeat nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio

from queue_common.errors import LeaseLostError
from queue_common.queue import TaskQueue
from queue_common.queue.storage.scripts import digest
from queue_common.retry import Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import State, TaskId
from queue_testing import RedisServer, wait_until
from queue_testing.inspector import QueueInspector
from queue_testing.network.proxy import CuttingProxy
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[CuttingProxy]:
    """A relay to the shared server."""
    async with CuttingProxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
async def behind(
    proxy: CuttingProxy, queue_settings: QueueSettings
) -> AsyncIterator[TaskQueue]:  # fmt: skip
    """A worker's client of the test's queue, behind the relay."""
    queue = TaskQueue(RedisSettings(redis_addr=proxy.address), queue_settings)
    await queue.start_consuming(worker_id="behind", concurrency=10)
    yield queue
    await queue.disconnect()


def _call(script: str) -> bytes:
    return digest(script).encode()


async def test_flushed_scripts_are_taught_again(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis, inspector: QueueInspector
) -> None:
    """After SCRIPT FLUSH every call works as before, and none is run twice."""
    await queue.start_consuming(worker_id="worker", concurrency=5)
    await raw_redis.script_flush()
    await queue.submit(TaskId("1"), a_task())
    await raw_redis.script_flush()
    (first,) = await queue.claim(5)
    await raw_redis.script_flush()
    await queue.settle(first, an_attempt(), RetryAt(now_ms()))
    await raw_redis.script_flush()
    (second,) = await queue.claim(5)
    waiting = asyncio.create_task(queue.claim(5))
    await raw_redis.script_flush()
    await queue.settle(second, an_attempt(number=2), Done())
    await raw_redis.script_flush()
    await queue.submit(TaskId("2"), a_task())
    (third,) = await waiting

    assert (first.attempt, second.attempt, third.task_id) == (1, 2, "2")
    assert (await queue.get_task(TaskId("1"))).attempts == 2
    await inspector.check()


async def test_restart_between_calls_is_not_noticed(
    start_server: Callable[..., RedisServer],
) -> None:
    """A server that was restarted has the tasks and learns the scripts: no call fails but late."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    settings = RedisSettings(redis_addr=server.address)
    queue = TaskQueue(settings, QueueSettings(queue_name="restarted"))
    await queue.start_consuming(worker_id="worker", concurrency=5)
    await queue.submit(TaskId("1"), a_task())
    (claim,) = await queue.claim(1)
    server.stop()
    server.start()
    await queue.submit(TaskId("2"), a_task())
    await queue.settle(claim, an_attempt(), Done())
    (second,) = await queue.claim(1)

    assert second.task_id == "2"
    assert (await queue.get_task(TaskId("1"))).state is State.DELIVERED
    async with redis.asyncio.Redis(port=server.port) as client:
        await QueueInspector(client, "restarted").check()
    await queue.disconnect()


async def test_settlements_wait_while_redis_is_away(
    start_server: Callable[..., RedisServer],
) -> None:
    """A settlement that finds no Redis is written when it is back, and the claim then too."""
    server = start_server("--appendonly", "yes", "--appendfsync", "always")
    settings = RedisSettings(redis_addr=server.address)
    queue = TaskQueue(settings, QueueSettings(queue_name="away"))
    await queue.start_consuming(worker_id="worker", concurrency=5)
    for task_id in ("1", "2"):
        await queue.submit(TaskId(task_id), a_task())
    (claim,) = await queue.claim(1)
    server.kill()
    settling = asyncio.create_task(queue.settle(claim, an_attempt(), Done()))
    claiming = asyncio.create_task(queue.claim(1))
    done, _ = await asyncio.wait([settling, claiming], timeout=0.3)
    server.start()
    await settling
    (second,) = await claiming

    assert not done
    assert second.task_id == "2"
    assert (await queue.get_task(TaskId("1"))).state is State.DELIVERED
    await queue.disconnect()


async def test_killed_connections_lose_no_task(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis, inspector: QueueInspector
) -> None:
    """With all connections killed again and again, each of 300 tasks is handed out and settled."""
    await queue.start_consuming(worker_id="worker", concurrency=50)
    for i in range(300):
        await queue.submit(TaskId(str(i)), a_task())
    seen: list[str] = []
    refused = 0
    while len(seen) < 300:
        claims = await asyncio.wait_for(queue.claim(20), 10)
        seen += [claim.task_id for claim in claims]
        settling = [
            asyncio.create_task(queue.settle(claim, an_attempt(), Done())) for claim in claims
        ]
        await raw_redis.client_kill_filter(_type="normal", skipme=True)
        results = await asyncio.gather(*settling, return_exceptions=True)
        refused += sum(isinstance(result, LeaseLostError) for result in results)

    assert len(set(seen)) == len(seen) == 300
    assert (await queue.reader.count()).settled == 300
    await inspector.check()


async def test_claim_whose_response_was_lost_is_found_again(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A connection cut in mid-claim loses nothing: what Redis handed out reaches the worker."""
    await behind.until_consuming()
    waiting = asyncio.create_task(behind.claim(5))
    proxy.cut_answer_to(_call("claim"))
    for i in range(3):
        await scripted.submit(str(i), a_task())
    claims = await asyncio.wait_for(waiting, 5)
    while len(claims) < 3:
        claims += await asyncio.wait_for(behind.claim(5), 5)

    assert proxy.cuts == 1
    assert sorted(claim.task_id for claim in claims) == ["0", "1", "2"]
    assert {claim.attempt for claim in claims} == {1}
    await scripted.inspector.check()


async def test_claim_that_reaches_redis_late_is_found_again(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A claim that a stalled network delivers after the worker gave it up strands no task."""
    await behind.until_consuming()
    waiting = asyncio.create_task(behind.claim(5))
    proxy.hold(_call("claim"))
    await scripted.submit("1", a_task())
    await wait_until(lambda: proxy.cuts == 1, "the claim is held")
    (first,) = await asyncio.wait_for(waiting, 5)
    await scripted.submit("2", a_task())
    proxy.release()

    async def both_claimed() -> bool:
        return (await scripted.reader.count()).active == 2

    await wait_until(both_claimed, "the late claim has taken the other task")
    (second,) = await asyncio.wait_for(behind.claim(5), 10)

    assert (first.task_id, second.task_id) == ("1", "2")
    await scripted.inspector.check()


async def test_task_cancelled_before_its_claim_was_found_is_not_run(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A reconciled claim of a task that a client has cancelled is released, not handed out."""
    await behind.until_consuming()
    waiting = asyncio.create_task(behind.claim(5))
    proxy.hold(_call("claim"))
    await scripted.submit("1", a_task())
    await waiting
    await scripted.submit("2", a_task())
    proxy.release()

    async def claimed_in_secret() -> bool:
        return (await scripted.reader.count()).active == 2

    await wait_until(claimed_in_secret, "the late claim has taken the other task")
    await scripted.operations.cancel(TaskId("2"))

    async def ended() -> bool:
        return (await scripted.reader.record("2")).state is State.CANCELLED

    await wait_until(ended, "the claim is ended")
    await scripted.inspector.check()


async def test_settlement_whose_response_was_lost_is_written_once(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A connection cut in mid-settle leaves the task settled once, and its caller content."""
    await scripted.submit("1", a_task())
    (claim,) = await behind.claim(1)
    proxy.cut_answer_to(_call("settle"))
    await asyncio.wait_for(behind.settle(claim, an_attempt(), RetryAt(now_ms() + 60_000)), 5)
    record = await scripted.reader.record("1")

    assert proxy.cuts == 1
    assert (record.state, record.attempts) == (State.SCHEDULED, 1)
    await scripted.inspector.check()


async def test_settlement_that_never_arrived_is_sent_again(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A settlement cut off on its way is written with the next connection."""
    await scripted.submit("1", a_task())
    (claim,) = await behind.claim(1)
    proxy.hold(_call("settle"))
    await asyncio.wait_for(behind.settle(claim, an_attempt(), Done()), 5)
    proxy.release()

    assert (await scripted.reader.record("1")).state is State.DELIVERED
    await scripted.inspector.check()


@pytest.mark.parametrize("script", ["register", "renew"])
async def test_lost_response_of_the_lease_costs_nothing(
    script: str, proxy: CuttingProxy, queue_settings: QueueSettings, scripted: ScriptedQueue
) -> None:
    """A registration or renewal without a reply is repeated, and its slots are counted once."""
    proxy.cut_answer_to(_call(script))
    queue = TaskQueue(RedisSettings(redis_addr=proxy.address), queue_settings)
    await queue.start_consuming(worker_id="worker", concurrency=7)
    await scripted.submit("1", a_task())
    claims = await asyncio.wait_for(queue.claim(1), 5)
    await wait_until(lambda: proxy.cuts == 1, "the answer was cut")
    snapshot = await scripted.inspector.check()
    await queue.disconnect()

    assert len(claims) == 1
    assert list(snapshot.hashes["slots"].values()) == ["7"]


async def test_submission_whose_response_was_lost_is_there_once(
    behind: TaskQueue, proxy: CuttingProxy, scripted: ScriptedQueue
) -> None:
    """A submission without a reply is sent again under its id: one task, no error."""
    await behind.ping()
    proxy.cut_answer_to(_call("enqueue"))
    await behind.submit(TaskId("1"), a_task())

    assert proxy.cuts == 1
    assert (await scripted.reader.count()).queued == 1
    await scripted.inspector.check()


async def test_cancelled_claim_gives_back_what_came_too_late(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """A worker that stops waiting just as work arrives does not keep it."""
    await queue.start_consuming(worker_id="worker", concurrency=5)
    await queue.until_consuming()
    for i in range(20):
        waiting = asyncio.create_task(queue.claim(1))
        submitting = asyncio.create_task(queue.submit(TaskId(str(i)), a_task()))
        for _ in range(i):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(submitting)
        (result,) = await asyncio.gather(waiting, return_exceptions=True)
        if isinstance(result, list):
            await queue.release(result)

    async def none_held() -> bool:
        return (await queue.reader.count()).active == 0

    await wait_until(none_held, "all is given back")
    assert (await queue.reader.count()).queued == 20
    await scripted.inspector.check()


async def test_stop_claiming_ends_the_wait(queue: TaskQueue) -> None:
    """A worker that stops claiming gets nothing more, though there is work."""
    await queue.start_consuming(worker_id="worker", concurrency=5)
    waiting = asyncio.create_task(queue.claim(5))
    await queue.until_consuming()
    queue.stop_claiming()
    first = await asyncio.wait_for(waiting, 5)
    await queue.submit(TaskId("1"), a_task())

    assert first == []
    assert await queue.claim(5) == []
    assert (await queue.reader.count()).queued == 1
