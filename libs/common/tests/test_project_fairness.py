"""Fair among projects: each has its turn and its part of a worker, however many lanes it has."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from queue_common.lanes import lane_in, split_lane
from queue_common.queue import Claim, TaskQueue
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key
from queue_common.retry import Done
from queue_common.task import TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

FLOOD, LANES = "flood", 300


async def _prove(queue: ScriptedQueue, lanes: list[str]) -> None:
    await queue.raw.zadd(queue.keys.of(Key.PROVEN), dict.fromkeys(lanes, now_ms()))


async def _leave_new(_queue: ScriptedQueue, _lanes: list[str]) -> None:
    """Leave the lanes on trial."""


async def _let_rest(queue: ScriptedQueue, lanes: list[str]) -> None:
    """Make the lanes unhealthy, their probes being due."""
    health = dict.fromkeys(lanes, "1 1 1")
    await reply(queue.raw.hset(queue.keys.of(Key.UNHEALTHY), mapping=health))


def _projects(claims: list[Claim]) -> Counter[str]:
    return Counter(split_lane(claim.lane)[0] for claim in claims)


async def _fill(queue: ScriptedQueue, project: str, lanes: int, tasks: int = 1) -> list[str]:
    names = [lane_in(project, f"lane-{number:04}") for number in range(lanes)]
    await queue.submit_all(
        [(f"{lane}-{number}", a_task(lane=lane)) for lane in names for number in range(tasks)]
    )
    return names


@pytest.mark.parametrize("health", [_prove, _leave_new, _let_rest])
async def test_project_with_many_lanes_gets_one_turn(
    scripted: ScriptedQueue, health: Callable[[ScriptedQueue, list[str]], Awaitable[None]]
) -> None:
    """Of 9 tasks three projects get 3 each, though one has 300 lanes that came first."""
    await scripted.register("worker", 1000)
    flood = [lane_in(FLOOD, f"lane-{number:04}") for number in range(LANES)]
    others = [
        lane_in(project, f"lane-{i:04}") for project in ("small", "default") for i in range(3)
    ]
    await health(scripted, flood + others)
    await _fill(scripted, FLOOD, LANES)
    await _fill(scripted, "small", 3)
    await _fill(scripted, "default", 3)

    assert _projects(await scripted.claim("worker", 9)) == {FLOOD: 3, "small": 3, "default": 3}
    await scripted.inspector.check()


async def test_claims_of_one_task_take_projects_in_turn(scripted: ScriptedQueue) -> None:
    """A worker that takes one task at a time serves the projects one after the other."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, LANES)
    await _fill(scripted, "small", 2, tasks=2)
    order = [_projects(await scripted.claim("worker", 1)).popitem()[0] for _ in range(8)]

    assert Counter(order) == {FLOOD: 4, "small": 4}
    assert all(a != b for a, b in itertools.pairwise(order))


async def test_weight_is_a_projects_part_of_the_work(scripted: ScriptedQueue) -> None:
    """A project of weight 3 gets three tasks for each one of a project of weight 1."""
    await scripted.register("worker", 1000)
    await reply(scripted.raw.hset(scripted.keys.of(Key.PROJECT, "heavy"), "weight", "3"))
    await _fill(scripted, FLOOD, 40)
    await _fill(scripted, "heavy", 40)

    assert _projects(await scripted.claim("worker", 40)) == {FLOOD: 10, "heavy": 30}


async def test_what_others_cannot_use_is_not_left(scripted: ScriptedQueue) -> None:
    """A project gets more than its part of a claim if the others have less to do."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, 40)
    await _fill(scripted, "small", 2)

    assert _projects(await scripted.claim("worker", 20)) == {FLOOD: 18, "small": 2}


async def test_idle_project_saves_no_turns(scripted: ScriptedQueue) -> None:
    """A project that had nothing to do starts where the others are, not before them."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, 200)
    await scripted.claim("worker", 100)
    await _fill(scripted, "late", 50)

    assert _projects(await scripted.claim("worker", 40)) == {FLOOD: 20, "late": 20}


async def test_project_leaves_room_in_each_worker(scripted: ScriptedQueue) -> None:
    """A project alone holds three quarters of a worker, and the next project finds room at once."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, LANES)
    first = await scripted.claim("worker", 40, max_tasks=40)
    held = {FLOOD: (len(first), 0)}
    again = await scripted.claim("worker", 10, max_tasks=40, held=held)
    await _fill(scripted, "small", 20)
    third = await scripted.claim("worker", 10, max_tasks=40, held=held)

    assert (len(first), again) == (30, [])
    assert _projects(third) == {"small": 10}
    await scripted.inspector.check()


async def test_project_leaves_room_on_trial(scripted: ScriptedQueue) -> None:
    """Of a worker's tasks on trial too, one project holds three quarters at the most."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, LANES)
    first = await scripted.claim("worker", 100, on_trial=40, max_on_trial=40)
    await _fill(scripted, "small", 20)
    second = await scripted.claim(
        "worker", 100, on_trial=10, max_on_trial=40, held={FLOOD: (len(first), len(first))}
    )

    assert (len(first), _projects(second)) == (30, {"small": 10})


async def test_project_over_its_part_waits_while_others_have_work(scripted: ScriptedQueue) -> None:
    """What a project over its weighted part gives back goes to the others."""
    await scripted.register("worker", 1000)
    await _fill(scripted, FLOOD, LANES)
    await _fill(scripted, "small", 20)
    held = {FLOOD: (25, 0), "small": (5, 0)}

    assert _projects(await scripted.claim("worker", 10, max_tasks=40, held=held)) == {"small": 10}


async def test_worker_counts_what_it_holds_of_projects(
    queue: TaskQueue, scripted: ScriptedQueue
) -> None:
    """A flood of tasks that hang leaves a quarter of a worker to those who come later."""
    await queue.start_consuming(worker_id="worker", concurrency=100, max_tasks=40)
    await _fill(scripted, FLOOD, LANES)
    held: list[Claim] = []
    while len(held) < 30:
        held += await asyncio.wait_for(queue.claim(40 - len(held)), 5)
    await _fill(scripted, "small", 30)
    delivered = 0
    while delivered < 30:
        claims = await asyncio.wait_for(queue.claim(10), 5)
        assert _projects(claims).keys() == {"small"}
        await asyncio.gather(*(queue.settle(c, an_attempt(), Done()) for c in claims))
        delivered += len(claims)

    assert len(held) == 30
    await asyncio.gather(*(queue.settle(c, an_attempt(), Done()) for c in held))
    assert _projects(await asyncio.wait_for(queue.claim(10), 5)) == {FLOOD: 10}


async def test_projects_limit_of_requests_in_flight(scripted: ScriptedQueue) -> None:
    """A project at its limit gets nothing more until one of its tasks has ended."""
    await scripted.register("worker", 1000)
    await reply(scripted.raw.hset(scripted.keys.of(Key.PROJECT, FLOOD), "max_in_flight", "4"))
    await _fill(scripted, FLOOD, 20)
    first = await scripted.claim("worker", 10)
    full = await scripted.claim("worker", 10)
    await _fill(scripted, FLOOD, 25)
    await scripted.inspector.check()
    await scripted.settle(first[0], Done())
    await scripted.inspector.check()
    again = await scripted.claim("worker", 10)

    assert (len(first), len(full), len(again)) == (4, 0, 1)
    await scripted.operations.cancel(TaskId(f"{lane_in(FLOOD, 'lane-0024')}-0"))
    await scripted.inspector.check()
