"""Walks over tasks that move: nothing is shown twice, and what moves on is not missed."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_common.options import TaskOptions
from queue_common.queue.admin.search import TaskFilter
from queue_common.queue.admin.search import walk as walks
from queue_common.queue.admin.search.pagination import Position
from queue_common.queue.admin.search.walk import (
    STATES_IN_ORDER,
    Mark,
    Walk,
    read_cursor,
    stops_of,
    write_cursor,
)
from queue_common.queue.storage.record import pack_attempt
from queue_common.retry import Done, RetryAt
from queue_common.task import Attempt, Outcome, State, TaskId, TaskView
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

BEGIN = 1_000_000
"""When each walk begins. Walks go on at even times, tasks move at odd ones."""


class Stay(NamedTuple):
    """A time that a task spends in a state."""

    state: State
    begin: int
    due: int


class Moving:
    """A task whose whole life is known: what it is at a time, and what its record says then."""

    def __init__(self, number: int, lane: str, stays: list[Stay]) -> None:
        self.id = TaskId(f"{number:03}")
        self.lane = lane
        self.stays = stays

    def at(self, now: int) -> Stay:
        return [stay for stay in self.stays if stay.begin < now][-1]

    def until(self, stay: Stay) -> float:
        following = self.stays.index(stay) + 1
        return self.stays[following].begin if following < len(self.stays) else math.inf

    def stay_overlaps(self, state: State, begin: int, end: int) -> bool:
        return any(
            stay.state is state and stay.begin <= end and self.until(stay) >= begin
            for stay in self.stays
        )

    @property
    def goes_back(self) -> bool:
        """Whether a retry takes it back to where the walk may have been."""
        return any(
            stay.begin > BEGIN and stay.state in {State.SCHEDULED, State.QUEUED}
            and self.stays[i - 1].state is State.ACTIVE
            for i, stay in enumerate(self.stays)
        )  # fmt: skip

    def view(self, now: int) -> TaskView:
        current, packed, number = self.at(now), b"", 0
        for i, stay in enumerate(self.stays):
            if stay.state is State.ACTIVE and self.until(stay) < now:
                number += 1
                after = self.stays[i + 1]
                attempt = Attempt(
                    number, stay.begin, after.begin - stay.begin, Outcome.HTTP_ERROR,
                    next_at_ms=after.due if after.state is State.SCHEDULED else None,
                    worker="worker",
                )  # fmt: skip
                packed = pack_attempt(attempt, packed)
        first = self.stays[0]
        task = msgspec.structs.replace(
            a_task(lane=self.lane), accepted_at_ms=first.begin,
            options=TaskOptions(delay_ms=first.due - first.begin),
        )  # fmt: skip
        at = current.due if current.state is State.SCHEDULED else current.begin
        return TaskView(
            self.id, current.state, self.lane, number, 0, None, None, None, task,
            packed_attempts=packed, at_ms=at,
        )  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Moving]:
    """Up to 12 tasks that wait, are tried, wait again, and end, before and during the walk."""
    found = []
    total = draw(st.integers(1, 12))
    for number in range(total):
        # No two tasks move at one time.
        at = BEGIN + 1 - 40 * 2 * total + 2 * number
        stays: list[Stay] = []
        for _ in range(draw(st.integers(1, 3))):
            wait = draw(st.integers(0, 25)) * 2 * total
            if wait:
                stays.append(Stay(State.SCHEDULED, at, at + wait))
                at += wait
            stays.append(Stay(State.QUEUED, at, at))
            at += draw(st.integers(1, 10)) * 2 * total
            stays.append(Stay(State.ACTIVE, at, at))
            at += draw(st.integers(1, 10)) * 2 * total
        stays.append(Stay(draw(st.sampled_from([State.DEAD, State.DELIVERED])), at, at))
        found.append(Moving(number, draw(st.sampled_from("ABC")), stays))
    return found


def _key(task: Moving, stay: Stay) -> tuple[str, int, str]:
    match stay.state:
        case State.SCHEDULED:
            return task.lane, stay.due, task.id
        case State.QUEUED:
            return task.lane, stay.begin, task.id
        case State.ACTIVE:
            return "worker/lease", 0, task.id
        case _:
            return "", -stay.begin, task.id


def _page(
    tasks: list[Moving], walk: Walk, now: int, limit: int, stops: tuple[State, ...]
) -> tuple[list[TaskView], tuple[int, Position] | None]:
    """Return a page as a search does it, of what the tasks are now."""
    found: dict[str, TaskView] = {}
    after = walk.position
    for stop, state in [*enumerate(stops)][walk.stop :]:
        here = {_key(t, t.at(now)): t for t in tasks if t.at(now).state is state}
        for key, task in sorted(here.items(), key=lambda item: item[0]):
            if after.id and key <= (after.lane, after.at, after.id):
                continue
            view = task.view(now)
            if not walk.may_have_shown(view, stop, stops):
                found[view.id] = view
            if len(found) == limit:
                return [*found.values()], (stop, Position("", key[0], key[1], key[2]))
        after = Position()
    return [*found.values()], None


def _walk(
    tasks: list[Moving], limit: int, gap: int, states: tuple[State, ...]
) -> tuple[list[str], list[Mark]]:
    walk, now, stops = Walk(states[0], Position()), BEGIN, stops_of(states)
    shown: list[str] = []
    while True:
        page, goes_on = _page(tasks, walk, now, limit, stops)
        shown += [view.id for view in page]
        if goes_on is None:
            return shown, [*walk.marks]
        walk = walk.onward(*goes_on, now, now, stops)
        walk = read_cursor(write_cursor(walk))
        now += 2 * gap


@pytest.mark.parametrize("states", [STATES_IN_ORDER, (State.SCHEDULED,), (State.DEAD,)])
@settings(max_examples=300, deadline=None)
@given(tasks=lives(), limit=st.integers(1, 5), gap=st.integers(1, 200))
def test_no_walk_shows_a_task_twice(
    states: tuple[State, ...], tasks: list[Moving], limit: int, gap: int
) -> None:
    """Whatever moves between its pages, a walk shows each task at most once."""
    shown, _ = _walk(tasks, limit, gap, states)

    assert len(shown) == len(set(shown))


@settings(max_examples=500, deadline=None)
@given(tasks=lives(), limit=st.integers(1, 5), gap=st.integers(1, 200))
def test_a_walk_misses_no_task_that_moves_on(tasks: list[Moving], limit: int, gap: int) -> None:
    """A task is missed only if a retry takes it back, or it moves while the walk is about it.

    That is: while a page ends in the queue of its lane.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walks, "SLACK_MS", 0)
        shown, marks = _walk(tasks, limit, gap, STATES_IN_ORDER)

    for task in tasks:
        about = any(
            mark.at == 0
            and mark.lane == task.lane
            and task.stay_overlaps(
                stops_of(STATES_IN_ORDER)[mark.stop],
                mark.began_ms - 2 * gap,
                mark.ended_ms + 2 * gap,
            )
            for mark in marks
        )
        assert task.id in shown or task.goes_back or about


async def _pages(
    queue: ScriptedQueue, wanted: TaskFilter, limit: int = 10
) -> AsyncIterator[list[str]]:
    cursor: str | None = None
    while True:
        page = await queue.reader.search.page(wanted, cursor, limit)
        yield [view.id for view in page.tasks]
        cursor = page.cursor
        if cursor is None:
            return


async def test_deliveries_between_pages_repeat_nothing(scripted: ScriptedQueue) -> None:
    """While tasks are delivered a list of all states shows each once, and those that stay."""
    await scripted.register("one", 1000)
    await scripted.submit_all([(f"{i:02}", a_task(lane=f"lane-{i % 3}")) for i in range(60)])
    shown: list[str] = []
    moved: set[str] = set()
    async for page in _pages(scripted, TaskFilter()):
        shown += page
        for claim in await scripted.claim("one", 5):
            moved.add(claim.task_id)
            await scripted.settle(claim, Done())

    assert len(shown) == len(set(shown))
    assert {f"{i:02}" for i in range(60)} - moved <= set(shown)


async def test_retries_between_pages_do_not_prolong_a_list(scripted: ScriptedQueue) -> None:
    """A list of scheduled tasks ends, however many come back ahead of it, each shown once."""
    await scripted.register("one", 1000)
    task = msgspec.structs.replace(a_task(lane="lane"), options=TaskOptions(delay_ms=3_600_000))
    await scripted.submit_all([(f"{i:02}", task) for i in range(40)], delay_ms=3_600_000)
    shown: list[str] = []
    async for page in _pages(scripted, TaskFilter(states=(State.SCHEDULED,)), limit=4):
        shown += page
        assert len(shown) <= 40
        for task_id in page:
            await scripted.make_due(task_id, "lane")
        for claim in await scripted.claim("one", 10):
            at = now_ms() + 7_200_000
            attempt = msgspec.structs.replace(an_attempt(number=claim.attempt), next_at_ms=at)
            await scripted.settle(claim, RetryAt(at), attempt)

    assert sorted(shown) == [f"{i:02}" for i in range(40)]


async def test_new_tasks_do_not_prolong_a_list(scripted: ScriptedQueue) -> None:
    """What is accepted after a list began is left out of its later pages."""
    await scripted.submit_all([(f"{i:02}", a_task(lane="lane")) for i in range(20)])
    later = msgspec.structs.replace(a_task(lane="lane"), accepted_at_ms=now_ms() + 60_000)
    shown: list[str] = []
    async for page in _pages(scripted, TaskFilter(), limit=5):
        shown += page
        assert len(shown) <= 20
        await scripted.submit_all([(f"new-{len(shown)}-{i}", later) for i in range(5)])

    assert shown == [f"{i:02}" for i in range(20)]


def test_a_cursor_stays_short() -> None:
    """A cursor is below 4 KB after any number of pages, also with the longest names of lanes."""
    walk = Walk(State.QUEUED, Position())
    for i in range(1, 1000):
        position = Position("l", f"{i:0300}", i, str(i))
        walk = walk.onward(1, position, i, i, STATES_IN_ORDER)

    assert len(write_cursor(walk)) < 4096
    assert walk.began_ms == walk.marks[0].began_ms == 1
