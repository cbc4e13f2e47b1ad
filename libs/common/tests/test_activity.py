"""Stats over time: counted in each process, kept in Redis for all."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable

import pytest
import redis.asyncio

from queue_common.lanes import lane_in
from queue_common.queue import Claim, Key, TaskQueue
from queue_common.queue.activity import EventPublisher, Series
from queue_common.queue.activity.histogram import bucket_of, quantile_ms
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.scripts import Argument, Scripts
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Outcome, TaskId
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms


def _sums(series: Series) -> tuple[int, int, int, int]:
    points = series.points
    return (
        sum(point.accepted for point in points),
        sum(point.delivered for point in points),
        sum(point.failed for point in points),
        sum(point.dead for point in points),
    )


async def _work(queue: TaskQueue, lane: str, decisions: list[Decision]) -> None:
    await queue.start_consuming(worker_id="worker", concurrency=100)
    for i, _ in enumerate(decisions):
        await queue.submit(TaskId(f"{lane}-{i}"), a_task(lane=lane))
    claims: list[Claim] = []
    while len(claims) < len(decisions):
        claims += await queue.claim(100)
    for claim, decision in zip(claims, decisions, strict=True):
        failed = not isinstance(decision, Done)
        outcome = Outcome.HTTP_ERROR if failed else Outcome.DELIVERED
        await queue.settle(claim, an_attempt(outcome), decision)


async def test_what_processes_count_adds_up(open_queue: Callable[[], TaskQueue]) -> None:
    """Tasks and attempts of several processes stand in the rings of their project and of all."""
    one, other, reader = open_queue(), open_queue(), open_queue()
    retry = RetryAt(now_ms() + 3_600_000)
    await _work(one, "a.test:80", [Done(), Done(), retry, Dead("enough")])
    await one.disconnect()
    await _work(other, lane_in("acme", "a.test:80"), [Done(), retry, retry])
    await other.disconnect()

    for series in await reader.rings.read("default"):
        assert _sums(series) == (4, 2, 2, 1)
    for series in await reader.rings.read("acme"):
        assert _sums(series) == (3, 1, 2, 0)
    for series in await reader.rings.read("*"):
        assert _sums(series) == (7, 3, 4, 1)
    for series in await reader.rings.read("nobody"):
        assert _sums(series) == (0, 0, 0, 0)


async def test_poison_counts_as_dead_and_is_told(
    scripted: ScriptedQueue, queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task under which its workers died, and that nobody settled, is in the rings and events."""
    await scripted.scripts.run("watch_events", 60_000)
    await scripted.submit("poison", a_task(lane="a.test:80"))
    for worker in ("one", "two", "three"):
        await scripted.register(worker)
        assert len(await scripted.claim(worker)) == 1
        await scripted.expire(worker)
        await scripted.reap()
    await queue.start_consuming(worker_id="worker", concurrency=1)

    async def told() -> list[str]:
        events = await raw_redis.xrange(scripted.keys.of(Key.EVENTS))
        return [fields[b"e"].decode() for _, fields in events if b"task.dead" in fields[b"e"]]

    (event,) = await wait_until(told, "its death is told")
    await queue.disconnect()

    assert json.loads(event)["outcome"] == Outcome.POISON
    assert _sums((await queue.rings.read("default"))[0]) == (0, 0, 1, 1)


async def test_a_task_that_expires_is_dead_without_an_attempt(
    open_queue: Callable[[], TaskQueue],
) -> None:
    """No request was made, so none has failed, in all stats and in those of its lane."""
    queue, reader = open_queue(), open_queue()
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await queue.submit(TaskId("late"), a_task(lane="a.test:80"))
    (claim,) = await queue.claim(1)
    await queue.settle(claim, an_attempt(Outcome.EXPIRED), Dead("deadline passed"))
    await queue.disconnect()
    series, _ = await reader.rings.read("default")
    lane = await reader.lanes.get("default", "a.test:80")

    assert _sums(series) == (1, 0, 0, 1)
    assert {point.attempt_p50_ms for point in series.points} == {None}
    assert (lane.recent.failed, lane.recent.last_outcome) == (0, Outcome.EXPIRED)


class _LateScripts(Scripts):
    """Nobody watches at the first call, somebody at the second; replies are late."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        super().__init__(client, "late")
        self.asked = asyncio.Event()
        self.may_reply = asyncio.Event()
        self.sent: list[bytes] = []

    async def run(self, name: str, *arguments: Argument) -> int:
        """Reply once the test lets it."""
        is_first = not self.asked.is_set()
        self.asked.set()
        await self.may_reply.wait()
        self.sent += [a for a in arguments if isinstance(a, bytes) and not is_first]
        return 0 if is_first else 1000


async def test_an_event_behind_a_late_reply_is_told(raw_redis: redis.asyncio.Redis) -> None:
    """What happens after Redis said that nobody watches, and before that is heard, is not lost."""
    scripts = _LateScripts(raw_redis)
    publisher = EventPublisher(scripts)
    publisher.tell("lane.paused", "before")
    await scripts.asked.wait()
    publisher.tell("lane.paused", "meanwhile")
    scripts.may_reply.set()
    await wait_until(lambda: scripts.sent, "the second event is told")

    assert [json.loads(event)["lane"] for event in scripts.sent] == ["meanwhile"]


async def test_rings_have_their_length_and_end_now(open_queue: Callable[[], TaskQueue]) -> None:
    """There are 60 steps of 5 s and 72 of an hour, and what was just done is in the last ones."""
    queue, reader = open_queue(), open_queue()
    await _work(queue, "a.test:80", [Done()])
    await queue.disconnect()
    fine, coarse = await reader.rings.read("default")

    assert (fine.step_seconds, len(fine.points)) == (5, 60)
    assert (coarse.step_seconds, len(coarse.points)) == (3600, 72)
    assert sum(point.delivered for point in coarse.points[-2:]) == 1
    (attempt,) = {point.attempt_p50_ms for point in coarse.points if point.delivered}
    assert attempt == pytest.approx(1.5, rel=0.1)


async def test_a_slot_that_is_long_past_is_not_shown(
    open_queue: Callable[[], TaskQueue], raw_redis: redis.asyncio.Redis
) -> None:
    """A step of an earlier turn of the ring is empty, not repeated."""
    queue, reader = open_queue(), open_queue()
    await _work(queue, "a.test:80", [Done()])
    await queue.disconnect()
    key = f"{queue.keys.prefix}rings:default"
    fields: list[bytes] = await reply(raw_redis.hkeys(key))
    old = {field: b"\x97\x01\x05\x05\x00\x00\x90\x90" for field in fields}
    await reply(raw_redis.hset(key, mapping=old))
    fine, coarse = await reader.rings.read("default")

    assert len(fields) >= 2
    assert (_sums(fine), _sums(coarse)) == ((0, 0, 0, 0), (0, 0, 0, 0))


async def test_nothing_is_sent_while_nothing_happens(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A process without tasks writes no stats."""
    await queue.reader.count()
    await queue.activity.close()

    assert not await raw_redis.keys(f"{queue.keys.prefix}rings:*")


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_quantiles_are_right_to_a_tenth(share: float) -> None:
    """Buckets give p50 and p99 of any durations within 10 %."""
    chance = random.Random(share)  # noqa: S311 - no secret
    durations = sorted(chance.lognormvariate(3, 2) for _ in range(5000))
    counts = Counter(bucket_of(ms) for ms in durations)
    exact = durations[int(len(durations) * share)]

    assert quantile_ms(counts, share) == pytest.approx(exact, rel=0.1, abs=0.5)


@pytest.mark.parametrize("ms", [-5, 0, 0.9, 2**40])
def test_any_duration_has_a_bucket(ms: float) -> None:
    """A clock that steps back or a duration beyond all bounds is counted too."""
    assert quantile_ms({bucket_of(ms): 1}, 0.5) is not None
