"""Look-ups of many: pages by state and lane, and counts that a walk confirms."""

from __future__ import annotations

from collections import Counter

import pytest

from queue_common.retry import Dead, Done
from queue_common.task import State, Task, TaskId, TaskView
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task

LANES = [f"lane-{i}" for i in range(7)]
A_STATE = 40


@pytest.fixture
async def mixed(scripted: ScriptedQueue) -> ScriptedQueue:
    """A queue with 40 tasks in each state, over seven lanes and two workers."""
    await scripted.register("one", 1000)
    await scripted.register("two", 1000)
    for state in (State.DEAD, State.DELIVERED, State.ACTIVE):
        await scripted.submit_all(_tasks(state))
        for lease in ("one", "two"):
            for claim in await scripted.claim(lease, A_STATE // 2):
                if state is not State.ACTIVE:
                    await scripted.settle(claim, Done() if state is State.DELIVERED else Dead("x"))
    await scripted.submit_all([*_tasks(State.CANCELLED), *_tasks(State.QUEUED)])
    await scripted.submit_all(_tasks(State.SCHEDULED), delay_ms=3_600_000)
    for task_id, _ in _tasks(State.CANCELLED):
        await scripted.operations.cancel(TaskId(task_id))
    return scripted


def _tasks(state: State) -> list[tuple[str, Task]]:
    return [(f"{state}-{i:02}", a_task(lane=LANES[i % 7])) for i in range(A_STATE)]


async def _walk(
    queue: ScriptedQueue, state: State, lane: str | None = None, limit: int = 9
) -> list[TaskView]:
    found: list[TaskView] = []
    cursor: str | None = None
    while True:
        page = await queue.reader.list(state, lane=lane, cursor=cursor, limit=limit)
        found += page.tasks
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 9, 40, 1000])
@pytest.mark.parametrize("state", list(State))
async def test_pages_show_every_task_of_a_state_once(
    state: State, limit: int, mixed: ScriptedQueue
) -> None:
    """Whatever the page's size, a walk by cursors shows each task of the state once."""
    found = await _walk(mixed, state, limit=limit)

    assert sorted(task.id for task in found) == [task_id for task_id, _ in _tasks(state)]
    assert {task.state for task in found} == {state}


@pytest.mark.parametrize("state", list(State))
async def test_pages_of_a_lane_show_that_lane(state: State, mixed: ScriptedQueue) -> None:
    """A walk in one lane shows all of that lane and nothing else."""
    for lane in LANES:
        found = await _walk(mixed, state, lane, limit=4)
        expected = [f"{state}-{i:02}" for i in range(A_STATE) if LANES[i % 7] == lane]

        assert sorted(task.id for task in found) == expected


async def test_queued_tasks_come_in_the_order_of_their_turn(mixed: ScriptedQueue) -> None:
    """In a lane the list is the order in which tasks will be claimed."""
    found = [task.id for task in await _walk(mixed, State.QUEUED, "lane-3")]
    claims = await mixed.claim("one", 1000)

    assert found == [claim.task_id for claim in claims if claim.lane == "lane-3"]


@pytest.mark.parametrize("state", [State.DEAD, State.DELIVERED])
async def test_settled_tasks_come_newest_first(state: State, mixed: ScriptedQueue) -> None:
    """The first page of what has ended shows what ended last."""
    page = await mixed.reader.list(state, limit=20)
    times = [task.finished_at_ms or 0 for task in page.tasks]

    assert times == sorted(times, reverse=True)


async def test_lane_that_went_between_two_pages_hides_no_other(mixed: ScriptedQueue) -> None:
    """A cursor into a lane that no longer exists continues with the next lane."""
    first = await mixed.reader.list(State.QUEUED, limit=8)
    for lane in LANES[:3]:
        await mixed.operations.purge(lane)
    rest: list[str] = []
    cursor = first.cursor
    while cursor is not None:
        page = await mixed.reader.list(State.QUEUED, cursor=cursor, limit=8)
        rest += [task.id for task in page.tasks]
        cursor = page.cursor

    assert {f"queued-{i:02}" for i in range(A_STATE) if i % 7 >= 3} <= set(rest)


async def test_walk_over_more_lanes_than_a_page_looks_into(scripted: ScriptedQueue) -> None:
    """With 500 lanes that have no scheduled task the one that has is still found."""
    await scripted.submit_all([(f"q{i}", a_task(lane=f"lane-{i:03}")) for i in range(500)])
    await scripted.submit("1", a_task(lane="lane-499"), delay_ms=3_600_000)

    assert [task.id for task in await _walk(scripted, State.SCHEDULED)] == ["1"]


@pytest.mark.parametrize("cursor", ["", "x", "x:lane", ":", "-1:lane", "1", "9" * 30 + ":"])
async def test_foreign_cursor_is_refused(cursor: str, scripted: ScriptedQueue) -> None:
    """An invalid cursor is a ValueError."""
    with pytest.raises(ValueError, match="not a cursor"):
        await scripted.reader.list(State.QUEUED, cursor=cursor)


async def test_counts_are_what_a_walk_finds(mixed: ScriptedQueue) -> None:
    """The queue's counts, and each lane's, are those of a walk over all tasks."""
    counts = await mixed.reader.count()
    walked = Counter({state: len(await _walk(mixed, state)) for state in State})

    assert (counts.queued, counts.scheduled, counts.active, counts.dead) == (40, 40, 40, 40)
    assert counts.settled == walked[State.DELIVERED] + walked[State.CANCELLED]
    for lane in LANES:
        of_lane = await mixed.reader.count(lane)
        for state, count in [
            (State.QUEUED, of_lane.queued), (State.SCHEDULED, of_lane.scheduled),
            (State.ACTIVE, of_lane.active), (State.DEAD, of_lane.dead),
        ]:  # fmt: skip
            assert count == len(await _walk(mixed, state, lane))
    await mixed.inspector.check()


async def test_counters_tell_what_has_happened(mixed: ScriptedQueue) -> None:
    """Delivered, dead and cancelled tasks are counted for good."""
    counters = await mixed.reader.counters()

    assert counters == {"delivered_total": 40, "dead_total": 40, "cancelled_total": 40}


async def test_empty_queue_has_empty_pages_and_counts(scripted: ScriptedQueue) -> None:
    """Where there is nothing, nothing is found and all counts are 0."""
    counts = await scripted.reader.count()

    assert (counts.queued, counts.scheduled, counts.active, counts.dead, counts.settled) == (
        0, 0, 0, 0, 0,
    )  # fmt: skip
    for state in State:
        page = await scripted.reader.list(state)
        assert (page.tasks, page.cursor) == ([], None)
