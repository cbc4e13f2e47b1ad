"""Limits that lanes have of their own, and destinations that ask for fewer requests."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest

from queue_common.lanes import lane_in
from queue_common.queue import Claim, TaskQueue
from queue_common.queue.admin.lanes import LaneLimits, Order
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key
from queue_common.retry import Done, RetryAt
from queue_common.task import Attempt, Outcome, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

HOUR_MS = 3_600_000
SLOW = Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 429, retry_after_ms=5000)


async def _fill(queue: ScriptedQueue, lane: str, tasks: int) -> None:
    await queue.submit_all([(f"{lane}-{i:04}", a_task(lane=lane)) for i in range(tasks)])


def _lanes(claims: list[Claim]) -> Counter[str]:
    return Counter(claim.lane for claim in claims)


@pytest.mark.parametrize("project", ["default", "one"])
async def test_concurrency_of_a_lane_is_its_own(scripted: ScriptedQueue, project: str) -> None:
    """A lane's concurrency takes the place of LANE_CONCURRENCY; a higher one is used at once."""
    await scripted.register("worker", 5)
    await scripted.lanes.put(project, "a", LaneLimits(concurrency=2))
    lane = lane_in(project, "a")
    await _fill(scripted, lane, 20)
    await _fill(scripted, lane_in(project, "b"), 20)
    first = _lanes(await scripted.claim("worker", 20))
    await scripted.lanes.put(project, "a", LaneLimits(concurrency=8))
    second = _lanes(await scripted.claim("worker", 20))

    assert (first[lane], second[lane]) == (2, 6)
    await scripted.inspector.check()


@pytest.mark.parametrize("project", ["default", "one"])
async def test_lane_without_tokens_waits(scripted: ScriptedQueue, project: str) -> None:
    """A lane gets its burst, then nothing until its next token, which the worker waits for."""
    await scripted.register("worker", 50)
    await scripted.lanes.put(project, "a", LaneLimits(rate=0.5, burst=3))
    await _fill(scripted, lane_in(project, "a"), 10)
    burst = await scripted.claim("worker", 10)
    nothing = await scripted.claim("worker", 10)
    snapshot = await scripted.inspector.check()

    assert (len(burst), nothing) == (3, [])
    assert 1000 < scripted.poll_again_ms <= 2001
    assert list(snapshot.zsets["throttled"]) == [lane_in(project, "a")]


async def test_lane_without_tokens_delays_no_other(scripted: ScriptedQueue) -> None:
    """Lanes that wait for tokens are passed over, and only once."""
    await scripted.register("worker", 50)
    for number in range(30):
        await scripted.lanes.put("default", f"slow-{number}", LaneLimits(rate=0.001, burst=1))
        await _fill(scripted, f"slow-{number}", 5)
    await _fill(scripted, "quick", 100)
    claims = [*await scripted.claim("worker", 40), *await scripted.claim("worker", 40)]

    assert _lanes(claims)["quick"] == 50
    assert max(n for lane, n in _lanes(claims).items() if lane != "quick") == 1
    await scripted.inspector.check()


async def test_tokens_come_back(queue: TaskQueue, scripted: ScriptedQueue) -> None:
    """A worker gets the tasks of a lane at its rate, without asking in between."""
    await queue.start_consuming(worker_id="worker", concurrency=100)
    await scripted.lanes.put("default", "a", LaneLimits(rate=50, burst=1))
    began = now_ms()
    await _fill(scripted, "a", 11)
    claims: list[Claim] = []
    while len(claims) < 11:
        claims += await asyncio.wait_for(queue.claim(100), 10)

    # 10 tokens of 20 ms; some were given in advance to the millisecond.
    assert now_ms() - began >= 180
    await scripted.inspector.check()


async def test_many_lanes_without_tokens_are_passed_over_in_steps(scripted: ScriptedQueue) -> None:
    """One claim moves at most 200 lanes out of the ring, and the next one goes on."""
    await scripted.register("worker", 50)
    names = [f"lane-{number:03}" for number in range(450)]
    await scripted.submit_all([(name, a_task(lane=name)) for name in names])
    later = (now_ms() + HOUR_MS) * 1000
    await scripted.raw.zadd(scripted.keys.of(Key.PACE), dict.fromkeys(names, later))
    await reply(scripted.raw.hset(scripted.keys.of(Key.COUNTERS), "paced", "1"))
    polls = []
    for _ in range(3):
        assert await scripted.claim("worker", 10) == []
        polls.append(scripted.poll_again_ms)

    assert polls[:2] == [0, 0]
    assert polls[2] > HOUR_MS / 2
    await scripted.inspector.check()


@pytest.mark.parametrize("project", ["default", "one"])
async def test_destination_slows_its_lane(scripted: ScriptedQueue, project: str) -> None:
    """After a 429 with Retry-After, no task of the lane is claimed until then; others are."""
    await scripted.register("worker", 50)
    lane, other = lane_in(project, "a"), lane_in(project, "b")
    await _fill(scripted, lane, 10)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.settle(claim, RetryAt(now_ms() + 5000), SLOW)
    await _fill(scripted, other, 3)
    claims = _lanes(await scripted.claim("worker", 20))

    assert claims == {other: 3}
    assert 0 < scripted.poll_again_ms <= 5000
    assert ((await scripted.lanes.get(project, "a")).next_token_at_ms or 0) > now_ms()
    await scripted.inspector.check()


async def test_destination_slows_its_lane_ten_minutes_at_most(scripted: ScriptedQueue) -> None:
    """A destination that asks for a day is asked again after ten minutes."""
    await scripted.register("worker", 50)
    await _fill(scripted, "a", 2)
    (claim,) = await scripted.claim("worker", 1)
    day = Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 503, retry_after_ms=24 * HOUR_MS)
    before = now_ms()
    await scripted.settle(claim, RetryAt(before + HOUR_MS), day)
    after = now_ms()
    at = (await scripted.lanes.get("default", "a")).next_token_at_ms or 0

    # Microseconds are rounded up to the millisecond in which the token is surely there.
    assert before + 600_000 <= at <= after + 600_001


async def test_pause_that_has_passed_is_forgotten(scripted: ScriptedQueue) -> None:
    """A renewal removes what lanes had to wait for, and claims then cost what they did."""
    await scripted.register("worker", 50)
    await _fill(scripted, "a", 2)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.settle(claim, RetryAt(now_ms() + 5000), SLOW)
    assert await scripted.claim("worker") == []
    await scripted.raw.zadd(scripted.keys.of(Key.PACE), {"a": 1})
    await scripted.raw.zadd(scripted.keys.of(Key.THROTTLED), {"a": 1})
    assert len(await scripted.claim("worker")) == 1
    await scripted.renew("worker")

    assert await reply(scripted.raw.hget(scripted.keys.of(Key.COUNTERS), "paced")) is None
    await scripted.inspector.check()


async def test_lane_without_tokens_can_be_paused_and_emptied(scripted: ScriptedQueue) -> None:
    """A lane that waits for a token leaves its place if it is paused, cancelled or purged."""
    await scripted.register("worker", 50)
    for lane in ("paused", "cancelled", "purged"):
        await scripted.lanes.put("default", lane, LaneLimits(rate=0.001, burst=1))
        await _fill(scripted, lane, 2)
    await scripted.claim("worker", 10)
    await scripted.operations.pause("paused")
    await scripted.operations.cancel(TaskId("cancelled-0001"))
    await scripted.operations.purge("purged")
    snapshot = await scripted.inspector.check()

    assert "throttled" not in snapshot.zsets
    await scripted.operations.resume("paused")
    await scripted.inspector.check()


async def test_lane_is_told_as_it_is(queue: TaskQueue, scripted: ScriptedQueue) -> None:
    """A lane's tasks by state, its oldest, health, limits and last outcomes are told."""
    await scripted.register("worker", 50)
    await scripted.lanes.put("one", "a", LaneLimits(concurrency=7, rate=2.5))
    lane = lane_in("one", "a")
    await _fill(scripted, lane, 4)
    await scripted.submit("later", a_task(lane=lane), delay_ms=HOUR_MS)
    await queue.start_consuming(worker_id="real", concurrency=10)
    claims = await asyncio.wait_for(queue.claim(2), 5)
    await queue.settle(claims[0], an_attempt(), Done())
    await queue.activity.close()
    found = await scripted.lanes.get("one", "a")

    assert (found.project, found.lane) == ("one", "a")
    assert (found.waiting, found.scheduled, found.active, found.dead) == (2, 1, 1, 0)
    assert found.oldest_age_ms is not None
    assert found.health.state == "proven"
    assert found.limits == LaneLimits(7, 2.5, 2)
    assert (found.recent.delivered, found.recent.last_outcome) == (1, "delivered")
    assert not found.paused


async def test_lanes_in_trouble_are_listed_first(scripted: ScriptedQueue) -> None:
    """Unhealthy lanes come first, then those with failures, paused ones, and the others by name."""
    await scripted.register("worker", 50)
    for lane in ("a", "b", "c", "failing", "unhealthy", "\x1fhidden"[1:]):
        await _fill(scripted, lane, 1)
    for project in ("other", "zother"):
        await _fill(scripted, lane_in(project, "a"), 2)
    await reply(scripted.raw.hset(scripted.keys.of(Key.UNHEALTHY), "unhealthy", "1 1 1"))
    await reply(scripted.raw.hset(scripted.keys.of(Key.FAILING), "failing", "2"))
    await scripted.operations.pause("paused")
    await scripted.operations.pause("b")
    await scripted.lanes.put("default", "limited", LaneLimits(concurrency=1))
    names, cursor = [], None
    while True:
        page = await scripted.lanes.page("default", cursor=cursor, limit=2)
        names += [lane.lane for lane in page.lanes]
        cursor = page.cursor
        if cursor is None:
            break

    assert names[:2] == ["unhealthy", "failing"]
    assert set(names[2:4]) == {"paused", "b"}
    assert names[4:] == ["a", "c", "hidden", "limited"]


async def _all_lanes(scripted: ScriptedQueue, order: Order, limit: int) -> list[str]:
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await scripted.lanes.page("default", order=order, cursor=cursor, limit=limit)
        names += [lane.lane for lane in page.lanes]
        cursor = page.cursor
        if cursor is None:
            return names


async def test_lanes_that_fail_come_before_paused_ones(scripted: ScriptedQueue) -> None:
    """The larger the share of recent attempts that failed, the earlier a lane comes."""
    for lane in ("idle-1", "idle-2"):
        await scripted.operations.pause(lane)
    for lane, delivered, failed in [("all", 0, 10), ("half", 5, 5), ("few", 9, 1), ("none", 9, 0)]:
        await _fill(scripted, lane, 1)
        await scripted.scripts.run("record_lanes", lane, delivered, failed, "http_error", "500")
    names = await _all_lanes(scripted, "trouble", limit=1)

    assert names[:3] == ["all", "half", "few"]
    assert set(names[3:5]) == {"idle-1", "idle-2"}
    assert names[5:] == ["none"]


async def test_a_lane_that_recovered_is_in_trouble_no_more(scripted: ScriptedQueue) -> None:
    """Failures count for 5 to 10 minutes: then the lane comes by its name again."""
    await _fill(scripted, "a", 1)
    await _fill(scripted, "b", 1)
    await scripted.scripts.run("record_lanes", "b", 0, 10, "http_error", "500")
    before = await _all_lanes(scripted, "trouble", limit=1)
    old = msgspec.msgpack.encode([1, 0, 10, 0, 0, "http_error", "500"])
    await reply(scripted.raw.hset(scripted.keys.of(Key.LANE_RECENT), mapping={"b": old}))

    assert before == ["b", "a"]
    assert await _all_lanes(scripted, "trouble", limit=1) == ["a", "b"]
    assert not await scripted.raw.exists(scripted.keys.of(Key.LANE_TROUBLE))


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_idle_lanes_stand_among_the_others_by_name(
    limit: int, scripted: ScriptedQueue
) -> None:
    """By name, lanes that are only paused or limited come in their turn, each once."""
    for lane in ("a", "d", "e"):
        await _fill(scripted, lane, 1)
    for lane in ("b", "d", "g"):
        await scripted.operations.pause(lane)
    for lane in ("c", "e", "f", "h"):
        await scripted.lanes.put("default", lane, LaneLimits(concurrency=1))
    await scripted.operations.resume("g")
    await scripted.lanes.put("default", "h", LaneLimits())

    assert await _all_lanes(scripted, "name", limit) == ["a", "b", "c", "d", "e", "f"]


async def test_lanes_that_the_previous_release_paused_are_listed(scripted: ScriptedQueue) -> None:
    """What the previous release has paused comes last by name, what it has resumed does not."""
    await _fill(scripted, "b", 1)
    await scripted.operations.pause("resumed")
    await reply(scripted.raw.srem(scripted.keys.of(Key.PAUSED), "resumed"))
    await reply(scripted.raw.sadd(scripted.keys.of(Key.PAUSED), "a"))

    assert await _all_lanes(scripted, "name", limit=1) == ["b", "a"]


async def test_lanes_of_another_project_are_passed_over(scripted: ScriptedQueue) -> None:
    """Lanes by name, and by the beginning of their name, are those of the project alone."""
    for project in ("default", "one", "two"):
        for number in range(30):
            await _fill(scripted, lane_in(project, f"lane-{number:02}"), 1)
    default = await scripted.lanes.page("default", order="name", limit=100)
    first = await scripted.lanes.page("one", order="name", prefix="lane-1", limit=4)
    second = await scripted.lanes.page(
        "one", order="name", prefix="lane-1", cursor=first.cursor, limit=100
    )

    assert [lane.lane for lane in default.lanes] == [f"lane-{number:02}" for number in range(30)]
    assert {lane.project for lane in [*first.lanes, *second.lanes]} == {"one"}
    assert [lane.lane for lane in first.lanes + second.lanes] == [f"lane-1{n}" for n in range(10)]
    assert second.cursor is None
    with pytest.raises(ValueError, match="not a cursor"):
        await scripted.lanes.page("one", cursor="x")
