"""The state of one project among others."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from queue_common.lanes import DEFAULT_PROJECT, lane_in, split_lane
from queue_common.queue import QueueHooks, QueueStats
from queue_common.queue.admin import project_now
from queue_common.retry import Dead, RetryAt
from queue_common.task import State
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

PROJECTS = (DEFAULT_PROJECT, "acme", "b", "zed")
HOUR_MS = 3_600_000


async def _fill(queue: ScriptedQueue, chance: random.Random) -> None:
    await queue.register("worker", 1000)
    for i in range(80):
        lane = lane_in(chance.choice(PROJECTS), f"{chance.choice('abz')}:{chance.randrange(3)}")
        await queue.submit(f"{i}", a_task(lane=lane), delay_ms=chance.choice((0, HOUR_MS)))
    for claim in await queue.claim("worker", 20):
        match chance.randrange(3):
            case 0:
                await queue.settle(claim, Dead("enough"), an_attempt())
            case 1:
                await queue.settle(claim, RetryAt(now_ms() + HOUR_MS), an_attempt())


@pytest.mark.parametrize("seed", range(5))
async def test_each_project_has_its_own_numbers(scripted: ScriptedQueue, seed: int) -> None:
    """A project's numbers are those of a walk over its tasks, wherever its lanes stand."""
    await _fill(scripted, random.Random(seed))  # noqa: S311 - no secret
    stats = QueueStats(scripted.raw, scripted.keys.hash_tag[1:-1], QueueHooks())
    records = (await scripted.inspector.check()).records.values()
    for project in PROJECTS:
        own = [record for record in records if split_lane(record.lane)[0] == project]
        states = Counter(record.state for record in own)
        found = await stats.read_project(project)

        assert (found.waiting, found.scheduled, found.active, found.dead) == (
            states[State.QUEUED], states[State.SCHEDULED], states[State.ACTIVE],
            states[State.DEAD],
        )  # fmt: skip
        assert found.lanes == len({r.lane for r in own if not r.state.settled})
        assert (found.oldest_waiting_ms is not None) == bool(states[State.QUEUED])


@pytest.mark.parametrize("project", [DEFAULT_PROJECT, "acme"])
async def test_a_project_with_many_lanes_is_looked_at_in_part(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    """Totals are right for any number of lanes; beyond the bound all tasks count as waiting."""
    monkeypatch.setattr(project_now, "MAX_LANES", 2)
    await scripted.submit("other", a_task(lane=lane_in("other", "a")))
    for i in range(5):
        await scripted.submit(f"{i}", a_task(lane=lane_in(project, f"a{i}")), delay_ms=HOUR_MS)
    stats = QueueStats(scripted.raw, scripted.keys.hash_tag[1:-1], QueueHooks())
    found = await stats.read_project(project)

    assert (found.waiting, found.scheduled, found.lanes) == (3, 2, 5)
