"""Settled records are bounded in bytes: counted exactly, the oldest removed first."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_common.errors import WrongStateError
from queue_common.queue.storage.connection import reply
from queue_common.retry import Dead, Done, RetryAt
from queue_common.settings import QueueSettings
from queue_common.task import Outcome, State, TaskId
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

MIB = 1 << 20
FAILED = an_attempt(Outcome.HTTP_ERROR, error="500")
REFUSED = an_attempt(Outcome.EGRESS_REFUSED, error="10.0.0.1 is not public")


async def _end(
    queue: ScriptedQueue, task_id: str, *, dead: bool = True, body: bytes | None = b"x"
) -> None:
    """Let one task come to its end."""
    await queue.submit(task_id, a_task(body=body))
    (claim,) = await queue.claim("worker", 1)
    await queue.settle(claim, Dead("x") if dead else Done(), FAILED if dead else an_attempt())


async def _snapshot(queue: ScriptedQueue) -> dict[str, int]:
    return (await queue.stats.read()).counters


async def _leave_uncounted(client: redis.asyncio.Redis, queue: ScriptedQueue, task_id: str) -> None:
    """Make a dead letter look as the previous release wrote it: without its size and group."""
    size = int(await reply(client.hget(queue.key("dead_sizes"), task_id)) or 0)
    await reply(client.hdel(queue.key("dead_sizes"), task_id))
    await reply(client.hincrby(queue.key("n"), "dead_bytes", -size))
    await queue.forget_dead_groups()


def _within(sizes: list[tuple[str, int]], max_bytes: int) -> set[str]:
    """Return what is left once the oldest have gone until the rest is within the bound."""
    while sum(size for _, size in sizes) > max_bytes:
        sizes = sizes[1:]
    return {task_id for task_id, _ in sizes}


async def _keep_within(
    client: redis.asyncio.Redis, ends: list[tuple[bool, int]], max_bytes: int
) -> None:
    queue = ScriptedQueue(
        client, f"bytes-{uuid.uuid4().hex[:12]}", result_max_bytes=max_bytes,
        dead_max_bytes=max_bytes,
    )  # fmt: skip
    await queue.register("worker")
    await queue.renew("worker")
    sizes: dict[bool, list[tuple[str, int]]] = {False: [], True: []}
    for number, (dead, body_bytes) in enumerate(ends):
        task_id = f"{number:03}"
        before = await queue.inspector.snapshot()
        await _end(queue, task_id, dead=dead, body=b"x" * body_bytes)
        after = await queue.inspector.check()
        sizes[dead] = [(i, size) for i, size in sizes[dead] if i in before.sizes]
        # A record that is over the bound alone is gone before its size can be read.
        sizes[dead].append((task_id, after.sizes.get(task_id, max_bytes + 1)))
        assert {i for i, _ in sizes[dead] if i in after.sizes} == _within(sizes[dead], max_bytes)
    assert sum(after.sizes.values()) <= 2 * max_bytes
    await reply(client.delete(*map(queue.key, after.keys)))


@settings(max_examples=25)
@given(
    ends=st.lists(st.tuples(st.booleans(), st.integers(0, 3000)), min_size=1, max_size=12),
    max_bytes=st.integers(200, 6000),
)
def test_newest_records_within_the_bound_are_kept(
    redis_server: RedisServer, ends: list[tuple[bool, int]], max_bytes: int
) -> None:
    """Whatever tasks settle in whatever order, counters are exact and only the oldest go."""

    async def run() -> None:
        async with redis.asyncio.Redis(port=redis_server.port) as client:
            await _keep_within(client, ends, max_bytes)

    asyncio.run(run())


async def test_dead_letters_of_the_previous_release_are_counted(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Dead letters without a size get one, 100 with each renewal; none is removed."""
    await scripted.register("worker", 1000)
    ids = [f"{i:03}" for i in range(250)]
    await scripted.submit_all([(i, a_task()) for i in ids])
    for claim in await scripted.claim("worker", 250):
        await scripted.settle(claim, Dead("x"), FAILED)
    for task_id in ids:
        await _leave_uncounted(raw_redis, scripted, task_id)
    counted = []
    for _ in range(3):
        await scripted.renew("worker")
        counted.append(await reply(raw_redis.hlen(scripted.key("dead_sizes"))))

    assert counted == [100, 200, 250]
    assert (await scripted.inspector.check()).zsets["dead"].keys() == set(ids)


async def test_uncounted_dead_letter_leaves_no_counter_wrong(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A dead letter that is requeued before its size is known subtracts nothing."""
    await scripted.register("worker")
    await _end(scripted, "1")
    await _leave_uncounted(raw_redis, scripted, "1")
    await scripted.operations.requeue(TaskId("1"))

    await scripted.inspector.check()


async def test_size_of_a_dead_letter_removed_by_the_previous_release_goes(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Sizes that a process of the previous release left behind are found and subtracted."""
    await scripted.register("worker")
    for task_id in ("1", "2"):
        await _end(scripted, task_id)
    lane = a_task().lane
    await raw_redis.zrem(scripted.key("dead"), "1")
    await raw_redis.zrem(scripted.key(f"d:{lane}"), "1")
    await raw_redis.delete(scripted.key("t:1"))
    await scripted.renew("worker")

    assert (await scripted.inspector.check()).hashes["dead_sizes"].keys() == {"2"}


async def test_results_of_the_previous_release_end_by_their_time(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """The list of the previous release goes; its records stay until they expire."""
    await scripted.register("worker")
    await _end(scripted, "1", dead=False)
    (entry,) = await reply(raw_redis.lrange(scripted.key("results"), 0, -1))
    await raw_redis.delete(scripted.key("results"))
    await reply(raw_redis.hset(scripted.key("n"), "result_bytes", "0"))
    await reply(raw_redis.rpush(scripted.key("done"), entry[:13] + entry[22:]))
    await scripted.renew("worker")
    snapshot = await scripted.inspector.check()

    assert not snapshot.leftovers() - {"t:1"}
    assert await raw_redis.pttl(scripted.key("t:1")) > 0


async def test_bounds_follow_the_memory_of_redis(start_server: Callable[..., RedisServer]) -> None:
    """Unset, they are shares of maxmemory as it is now; set, they are what was set."""
    server = start_server("--maxmemory", "100mb")
    async with redis.asyncio.Redis(port=server.port) as client:
        queue = ScriptedQueue(client, "shares")
        await queue.renew("worker")
        shares = await _snapshot(queue)
        await client.config_set("maxmemory", "0")
        await queue.renew("worker")
        without_limit = await _snapshot(queue)
        await ScriptedQueue(client, "shares", result_max_bytes=5, dead_max_bytes=6).renew("worker")
        chosen = await _snapshot(queue)

    names = ("result_max_bytes", "dead_max_bytes")
    assert [shares[n] for n in names] == [10 * MIB, 25 * MIB]
    assert [without_limit[n] for n in names] == [100 * MIB, 256 * MIB]
    assert [chosen[n] for n in names] == [5, 6]


async def test_server_that_does_not_tell_its_memory_has_fixed_bounds(
    start_server: Callable[..., RedisServer],
) -> None:
    """Where INFO is forbidden the bounds are those of a server without a limit."""
    server = start_server("--maxmemory", "100mb")
    async with redis.asyncio.Redis(port=server.port) as admin:
        await admin.acl_setuser(
            "q", enabled=True, passwords=["+q"], keys=["*"], categories=["+@all"],
            commands=["-info"],
        )  # fmt: skip
    async with redis.asyncio.Redis(port=server.port, username="q", password="q") as client:
        queue = ScriptedQueue(client, "untold")
        await queue.register("worker")
        assert await queue.renew("worker")
        assert (await _snapshot(queue))["dead_max_bytes"] == 256 * MIB


async def test_settled_records_go_before_memory_is_short(
    start_server: Callable[..., RedisServer],
) -> None:
    """With 80 % of maxmemory in use the settled go until there is room, and no waiting task."""
    server = start_server("--maxmemory", "16mb")
    async with redis.asyncio.Redis(port=server.port) as client:
        queue = ScriptedQueue(client, "short")
        await queue.register("worker")
        await queue.renew("worker")
        await _end(queue, "result", dead=False)
        for number in range(30):
            await _end(queue, f"dead-{number}", body=bytes(100_000))
        await queue.renew("worker")
        kept = (await queue.reader.count()).dead
        live = 0
        while (await client.info("memory"))["used_memory"] < 0.85 * 16 * MIB:
            await queue.submit(f"live-{live}", a_task(body=bytes(100_000)))
            live += 1
        await queue.renew("worker")
        counts = await queue.reader.count()
        await queue.inspector.check()

    assert kept == 30
    assert (counts.dead, counts.settled, counts.queued) == (0, 0, live)


@pytest.mark.parametrize("body_bytes", [300, 5_000, 100_000])
async def test_last_attempt_does_not_double_a_record(
    body_bytes: int, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task that is tried again, and a dead letter, take little more memory than their bytes."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(body=bytes(body_bytes)))
    spare = []
    for decision in (RetryAt(now_ms() + 60_000), Dead("enough")):
        (claim,) = await scripted.claim("worker")
        await scripted.settle(claim, decision, FAILED)
        length = await reply(raw_redis.strlen(scripted.key("t:1")))
        spare.append((await reply(raw_redis.memory_usage(scripted.key("t:1"))) or 0) - length)
        if isinstance(decision, RetryAt):
            await scripted.operations.run_now(TaskId("1"))

    # The server's allocator rounds up by a quarter at most.
    assert max(spare) < 0.25 * body_bytes + 250
    assert (await scripted.reader.record("1")).last_attempt() == FAILED


async def test_poison_does_not_double_a_record(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task that killed its workers takes little more memory than its bytes, too."""
    await scripted.submit("1", a_task(body=bytes(100_000)))
    for lease in ("a", "b", "c"):
        await scripted.register(lease)
        await scripted.claim(lease)
        await scripted.expire(lease)
        await scripted.reap()

    assert (await scripted.reader.record("1")).state is State.DEAD
    assert (await reply(raw_redis.memory_usage(scripted.key("t:1"))) or 0) < 130_000
    assert await raw_redis.pttl(scripted.key("t:1")) > 0


async def test_refused_task_leaves_neither_headers_nor_body(scripted: ScriptedQueue) -> None:
    """What the egress guard refused is kept without what was to be sent, and says so."""
    task = a_task(body=bytes(100_000), headers={"Authorization": "secret"})
    await scripted.register("worker")
    await scripted.submit("1", task)
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Dead("refused"), REFUSED)
    record = await scripted.reader.record("1")
    attempt = record.last_attempt()

    assert (record.state, record.task()) == (State.DEAD, task.compact())
    assert attempt is not None
    assert attempt.error == "10.0.0.1 is not public; headers and body were not kept"
    assert (await scripted.inspector.check()).sizes["1"] < 1000


@pytest.mark.parametrize(
    ("headers", "body"), [({"X": "1"}, None), ({}, b"x")], ids=["headers", "body"]
)
async def test_task_without_its_content_is_not_sent_again(
    headers: dict[str, str], body: bytes | None, scripted: ScriptedQueue
) -> None:
    """A dead letter that lost headers or body cannot be requeued, and the error says why."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(headers=headers, body=body))
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Dead("refused"), REFUSED)

    with pytest.raises(WrongStateError, match="headers and body were not kept"):
        await scripted.operations.requeue(TaskId("1"))
    assert (await scripted.reader.record("1")).state is State.DEAD


async def test_refused_task_that_lost_nothing_is_sent_again(scripted: ScriptedQueue) -> None:
    """One that had neither headers nor body is whole, and can be requeued."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(body=None))
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Dead("refused"), REFUSED)
    await scripted.operations.requeue(TaskId("1"))

    assert (await scripted.claim("worker"))[0].task_id == "1"


async def test_large_settlement_stays_within_the_bound(
    raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings
) -> None:
    """Many deaths at once leave no more bytes than the bound allows."""
    queue = ScriptedQueue(raw_redis, queue_settings.queue_name, dead_max_bytes=50_000)
    await queue.register("worker", 1000)
    await queue.renew("worker")
    await queue.submit_all([(f"{i:03}", a_task(body=bytes(5_000))) for i in range(50)])
    for claim in await queue.claim("worker", 50):
        await queue.settle(claim, Dead("x"), FAILED)
    snapshot = await queue.inspector.check()

    assert set(snapshot.zsets["dead"]) == {f"{i:03}" for i in range(41, 50)}
