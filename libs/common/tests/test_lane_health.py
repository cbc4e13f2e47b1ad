"""Lanes that fail shrink to probes, and all in doubt share a part of a worker's slots."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import redis.asyncio

from queue_common.queue import Claim, TaskQueue
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Attempt, Outcome, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

HOUR_MS = 3_600_000
BAD_TO_REST = 5


def _later() -> Decision:
    return RetryAt(now_ms() + HOUR_MS)


async def _fill(queue: ScriptedQueue, lane: str, tasks: int) -> None:
    await queue.submit_all([(f"{lane}-{i:04}", a_task(lane=lane)) for i in range(tasks)])


async def _fail(queue: ScriptedQueue, claim: Claim, outcome: Outcome = Outcome.TIMEOUT) -> None:
    assert await queue.settle(claim, _later(), an_attempt(outcome, number=claim.attempt))


async def _make_unhealthy(queue: ScriptedQueue, lane: str, tasks: int = 20) -> None:
    """Register a worker and let the lane's first attempts time out."""
    await queue.register("worker", BAD_TO_REST)
    await _fill(queue, lane, tasks)
    for claim in await queue.claim("worker", BAD_TO_REST):
        await _fail(queue, claim)


def _lanes(claims: list[Claim]) -> Counter[str]:
    return Counter(claim.lane for claim in claims)


async def _state(queue: ScriptedQueue, lane: str) -> tuple[int, int, int]:
    """Return level, room, and how many ms from now the next probe is due."""
    level, room, probe_at = map(int, (await queue.health(lane)).split())
    return level, room, probe_at - now_ms()


@pytest.mark.parametrize(
    "attempt",
    [
        an_attempt(Outcome.TIMEOUT),
        an_attempt(Outcome.CONNECT_ERROR),
        an_attempt(Outcome.DNS_ERROR),
        Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 429),
        Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 503),
    ],
)
async def test_lane_that_fails_gets_nothing_until_its_probe(
    scripted: ScriptedQueue, attempt: Attempt
) -> None:
    """After five failures in a row a lane rests for a second, and its tasks keep their places."""
    await scripted.register("worker", BAD_TO_REST)
    await _fill(scripted, "down", 20)
    for claim in await scripted.claim("worker", BAD_TO_REST):
        await scripted.settle(claim, _later(), attempt)

    assert await scripted.claim("worker", 10) == []
    assert 0 < scripted.poll_again_ms <= 1000
    assert (await scripted.stats.read()).unhealthy_lanes == 1
    snapshot = await scripted.inspector.check()
    assert list(snapshot.zsets["resting"]) == ["down"]
    assert snapshot.lists["l:down"] == [f"down-{i:04}" for i in range(5, 20)]


@pytest.mark.parametrize(
    "attempt",
    [Attempt(1, 0, 1.0, Outcome.HTTP_ERROR, 500), an_attempt(Outcome.TLS_ERROR)],
    ids=["an error for a response", "https to a port of plain http"],
)
async def test_other_failures_do_not_shrink_a_lane(
    scripted: ScriptedQueue, attempt: Attempt
) -> None:
    """A destination that is there, if only with errors, keeps all it may have in flight."""
    await scripted.register("worker", BAD_TO_REST)
    await _fill(scripted, "up", 20)
    for claim in await scripted.claim("worker", BAD_TO_REST):
        await scripted.settle(claim, _later(), attempt)

    assert len(await scripted.claim("worker", 20)) == BAD_TO_REST
    await scripted.inspector.check()


async def test_probes_come_one_by_one_with_growing_pauses(scripted: ScriptedQueue) -> None:
    """A probe is one task in flight; each that fails doubles the pause, up to a minute."""
    await _make_unhealthy(scripted, "down")
    pauses = []
    for _ in range(9):
        pauses.append((await _state(scripted, "down"))[2])
        await scripted.end_pause("down")
        (probe,) = await scripted.claim("worker", 10)
        assert await scripted.claim("worker", 10) == []
        await _fail(scripted, probe)

    for pause, longest in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert longest * 500 < pause <= longest * 1000
    await scripted.inspector.check()


async def test_what_failed_before_the_pause_does_not_lengthen_it(scripted: ScriptedQueue) -> None:
    """Attempts that were in flight when the lane became unhealthy tell nothing new."""
    await scripted.register("worker", 10)
    await _fill(scripted, "down", 20)
    claims = await scripted.claim("worker", 10)
    for claim in claims:
        await _fail(scripted, claim)

    assert (await _state(scripted, "down"))[0] == 1
    await scripted.inspector.check()


async def test_pause_is_no_longer_than_the_retry_interval(scripted: ScriptedQueue) -> None:
    """A lane of one task tries it again after the task's own interval, however often it fails."""
    await scripted.register("worker", 10)
    await _fill(scripted, "down", 1)
    for number in range(1, 12):
        (claim,) = await scripted.claim("worker", 10)
        due = now_ms() + 700
        await scripted.settle(claim, RetryAt(due), an_attempt(Outcome.TIMEOUT, number=number))
        if number >= BAD_TO_REST:
            assert (await _state(scripted, "down"))[2] <= 700
            await scripted.end_pause("down")
        await scripted.make_due("down-0000", "down")


async def test_lane_recovers_as_its_destination_responds(scripted: ScriptedQueue) -> None:
    """Responses double what a lane may have in flight: 1, 2, 4, and then all."""
    await _make_unhealthy(scripted, "back", tasks=40)
    await scripted.end_pause("back")
    sizes = []
    for _ in range(4):
        claims = await scripted.claim("worker", 20)
        sizes.append(len(claims))
        for claim in claims[1:]:
            await scripted.release(claim)
        await scripted.settle(claims[0], Done())

    assert sizes == [1, 2, 4, BAD_TO_REST]
    assert await scripted.health("back") == ""
    await scripted.inspector.check()


async def test_probe_that_fails_shrinks_a_recovering_lane_again(scripted: ScriptedQueue) -> None:
    """A failure on the way back leads to single probes, and to the next longer pause."""
    await _make_unhealthy(scripted, "flaps")
    await scripted.end_pause("flaps")
    (probe,) = await scripted.claim("worker", 10)
    await scripted.settle(probe, Done())
    first, second = await scripted.claim("worker", 10)
    await _fail(scripted, first)

    level, room, pause = await _state(scripted, "flaps")
    assert (level, room) == (2, 1)
    assert pause > 1000
    await scripted.release(second)
    await scripted.inspector.check()


async def test_lanes_on_trial_take_no_more_than_their_part(scripted: ScriptedQueue) -> None:
    """New lanes share what a worker grants them; a proven lane has the rest to itself."""
    await scripted.register("worker", 10)
    await _fill(scripted, "proven", 4)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.settle(claim, Done())
    for number in range(30):
        await _fill(scripted, f"new-{number:02}", 1)
    claims = await scripted.claim("worker", 20, on_trial=4)

    assert [claim.on_trial for claim in claims] == [False] * 3 + [True] * 4
    assert _lanes(claims)["proven"] == 3
    assert await scripted.claim("worker", 20, on_trial=0) == []
    assert (await scripted.stats.read()).trial_lanes == 26
    await scripted.inspector.check()


async def test_a_failure_takes_a_lane_back_on_trial(scripted: ScriptedQueue) -> None:
    """A proven lane that fails once is on trial until its destination responds again."""
    await scripted.register("worker", 10)
    await _fill(scripted, "shaky", 5)
    on_trial = []
    for outcome in (Outcome.DELIVERED, Outcome.TIMEOUT, Outcome.DELIVERED, Outcome.DELIVERED):
        (claim,) = await scripted.claim("worker", 1)
        on_trial.append(claim.on_trial)
        decision = Done() if outcome is Outcome.DELIVERED else _later()
        await scripted.settle(claim, decision, an_attempt(outcome))

    assert on_trial == [True, False, True, False]
    await scripted.inspector.check()


@pytest.mark.parametrize("wanted", [1, 10])
async def test_lanes_on_trial_leave_half_of_a_claim_to_proven_ones(
    scripted: ScriptedQueue, wanted: int
) -> None:
    """However many lanes on trial waited before, and end at once, a proven one has its turn."""
    await scripted.register("worker", 10)
    await _fill(scripted, "proven", 10)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.operations.pause("proven")
    await scripted.settle(claim, Done())
    for number in range(40):
        await _fill(scripted, f"new-{number:02}", 1)
    await scripted.operations.resume("proven")
    claims = [
        claim for _ in range(20 // wanted) for claim in await scripted.claim("worker", wanted)
    ]

    assert 0 < _lanes(claims)["proven"] < 20
    await scripted.inspector.check()


async def test_new_lanes_are_not_kept_waiting_by_probes(scripted: ScriptedQueue) -> None:
    """Among lanes on trial new ones and probes come in turn, whichever there are more of."""
    await scripted.register("worker", 1)
    for number in range(20):
        lane = f"down-{number:02}"
        await _fill(scripted, lane, 2)
        (claim,) = await scripted.claim("worker", 1)
        await scripted.defer(claim)
    for number in range(20):
        await scripted.end_pause(f"down-{number:02}")
        await _fill(scripted, f"new-{number:02}", 1)
    kinds = Counter(c.lane[:3] for c in await scripted.claim("worker", 20, on_trial=10))

    assert kinds == {"dow": 5, "new": 5}
    await scripted.inspector.check()


async def test_deferred_task_keeps_place_and_attempts(scripted: ScriptedQueue) -> None:
    """A claim put back because of its address goes to the front, uncounted, and its lane rests."""
    await scripted.register("worker", 10)
    await _fill(scripted, "many-names", 3)
    (claim,) = await scripted.claim("worker", 1)
    assert await scripted.defer(claim)
    snapshot = await scripted.inspector.check()

    assert snapshot.lists["l:many-names"][0] == claim.task_id
    assert snapshot.records[claim.task_id].attempts == 0
    assert snapshot.records[claim.task_id].at_ms == claim.waiting_since_ms
    assert (await _state(scripted, "many-names"))[:2] == (1, 1)
    assert await scripted.claim("worker", 10) == []


async def test_expired_tasks_are_no_probes(scripted: ScriptedQueue) -> None:
    """What is past its deadline leaves an unhealthy lane one after the other, without a pause."""
    await _make_unhealthy(scripted, "down")
    await scripted.end_pause("down")
    for _ in range(10):
        (claim,) = await scripted.claim("worker", 10)
        await scripted.settle(claim, Dead("too late"), an_attempt(Outcome.EXPIRED))
    await scripted.inspector.check()


async def test_dead_workers_probe_is_another_workers(scripted: ScriptedQueue) -> None:
    """A worker that dies during a probe keeps the lane no longer than its lease lasts."""
    await _make_unhealthy(scripted, "down")
    await scripted.register("other", 1)
    await scripted.end_pause("down")
    (probe,) = await scripted.claim("worker", 10)
    await scripted.expire("worker")
    await scripted.reap()

    assert [claim.task_id for claim in await scripted.claim("other", 10)] == [probe.task_id]
    await scripted.inspector.check()


@pytest.mark.parametrize("move", ["purge", "pause", "cancel"])
async def test_lane_that_was_emptied_or_paused_begins_anew(
    scripted: ScriptedQueue, move: str
) -> None:
    """An operator's move leaves nothing of a lane's health behind."""
    await _make_unhealthy(scripted, "down", tasks=6)
    if move == "purge":
        await scripted.operations.purge("down")
    elif move == "pause":
        await scripted.operations.pause("down")
        await scripted.operations.resume("down")
    else:
        for number in range(6):
            await scripted.operations.cancel(TaskId(f"down-{number:04}"))

    assert await scripted.health("down") == ""
    await _fill(scripted, "down-again", 1)
    assert len(await scripted.claim("worker", 10)) == (2 if move == "pause" else 1)
    await scripted.inspector.check()


async def test_proven_lanes_are_bounded(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Of lanes that have responded the 20,000 last ones are remembered."""
    await scripted.register("worker", 10)
    client = raw_redis
    key = scripted.key("proven")
    for begin in range(0, 20_000, 5000):
        await client.zadd(key, {f"lane-{i}": 1 for i in range(begin, begin + 5000)})
    await _fill(scripted, "last", 1)
    (claim,) = await scripted.claim("worker")
    await scripted.settle(claim, Done())

    assert await client.zcard(key) == 20_000
    assert await client.zscore(key, "last") is not None


async def test_room_on_trial_is_filled_as_soon_as_it_is_free(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """A single worker continues with lanes on trial as soon as one of their tasks has ended."""
    await queue.start_consuming(worker_id="worker", concurrency=10, max_on_trial=2)
    for number in range(8):
        await _fill(scripted, f"new-{number}", 1)
    seen = 0
    while seen < 8:
        claims = await asyncio.wait_for(queue.claim(10), 5)
        assert len(claims) <= 2
        seen += len(claims)
        waiting = asyncio.ensure_future(queue.claim(10)) if seen < 8 else None
        await asyncio.gather(
            *(queue.settle(claim, an_attempt(Outcome.TIMEOUT), _later()) for claim in claims)
        )
        if waiting is not None:
            more = await asyncio.wait_for(waiting, 5)
            seen += len(more)
            await asyncio.gather(*(queue.settle(claim, an_attempt(), Done()) for claim in more))
