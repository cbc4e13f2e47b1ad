"""Pages go on from a position: what comes and goes neither hides a task nor repeats one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from queue_common.lanes import lane_in
from queue_common.queue import TaskFilter
from queue_common.queue.admin.search import search as search_module
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.task import Outcome, State, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

HOUR_MS = 3_600_000


def a_chance(seed: int) -> Random:
    """Return chance that is the same each time."""
    return Random(seed)  # noqa: S311 - no secret


async def _walk(
    queue: ScriptedQueue, wanted: TaskFilter, between: Callable[[], Awaitable[None]], limit: int = 7
) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await queue.reader.search.page(wanted, cursor, limit)
        found += [task.id for task in page.tasks]
        cursor = page.cursor
        if cursor is None:
            return found
        await between()


async def test_claims_and_new_tasks_between_pages_hide_no_queued_task(
    scripted: ScriptedQueue,
) -> None:
    """While a lane is worked off in front and grows at its end, what stays is shown once."""
    await scripted.register("worker", 1000)
    await scripted.submit_all([(f"{i:04}", a_task(lane="lane")) for i in range(300)])
    added = iter(range(300, 10_000))

    async def move() -> None:
        await scripted.claim("worker", 3)
        await scripted.submit_all([(f"{next(added):04}", a_task(lane="lane")) for _ in range(2)])

    found = await _walk(scripted, TaskFilter(states=(State.QUEUED,)), move)
    stayed = {task.id for task in (await scripted.reader.list(State.QUEUED, limit=1000)).tasks}

    assert max(Counter(found).values()) == 1
    assert stayed <= set(found)


async def test_front_of_a_lane_may_grow_between_pages(scripted: ScriptedQueue) -> None:
    """Tasks that are run now come to the front; those behind them are not shown twice."""
    await scripted.submit_all([(f"q{i:03}", a_task(lane="lane")) for i in range(60)])
    await scripted.submit_all(
        [(f"s{i:03}", a_task(lane="lane")) for i in range(60)], delay_ms=HOUR_MS
    )
    scheduled = iter(range(60))

    async def move() -> None:
        for _ in range(5):
            await scripted.operations.run_now(TaskId(f"s{next(scheduled):03}"))

    found = await _walk(scripted, TaskFilter(states=(State.QUEUED,)), move)

    assert [task_id for task_id in found if task_id.startswith("q")] == [
        f"q{i:03}" for i in range(60)
    ]
    assert max(Counter(found).values()) == 1


async def test_walk_goes_on_when_all_before_it_is_claimed(scripted: ScriptedQueue) -> None:
    """A position whose task has been claimed goes on with what waited behind it."""
    await scripted.register("worker", 1000)
    await scripted.submit_all([(f"{i:03}", a_task(lane="lane")) for i in range(50)])
    first = await scripted.reader.list(State.QUEUED, limit=10)
    await scripted.claim("worker", 20)
    rest = await scripted.reader.list(State.QUEUED, cursor=first.cursor, limit=100)

    assert [task.id for task in rest.tasks] == [f"{i:03}" for i in range(20, 50)]


@pytest.mark.parametrize("same_time", [True, False])
async def test_scheduled_tasks_that_go_between_pages_hide_no_other(
    same_time: bool, scripted: ScriptedQueue
) -> None:
    """Removing shown, next and later tasks hides none that stays, equal due times included."""
    chance = a_chance(7)
    for i in range(120):
        delay_ms = HOUR_MS if same_time else HOUR_MS + chance.randrange(1000)
        await scripted.submit(f"{i:03}", a_task(lane="lane"), delay_ms=delay_ms)
    if same_time:
        key = scripted.key("s:lane")
        for i in range(120):
            await scripted.raw.zadd(key, {f"{i:03}": now_ms() // HOUR_MS * HOUR_MS + 2 * HOUR_MS})
    left = [f"{i:03}" for i in range(120)]
    chance.shuffle(left)

    async def move() -> None:
        for _ in range(4):
            await scripted.operations.cancel(TaskId(left.pop()))

    found = await _walk(scripted, TaskFilter(states=(State.SCHEDULED,)), move)

    assert max(Counter(found).values()) == 1
    assert set(left) <= set(found)


async def test_dead_letters_that_come_and_go_hide_no_other(scripted: ScriptedQueue) -> None:
    """New dead letters and deleted ones move no other across the end of a page."""
    await scripted.register("worker", 1000)

    async def die(begin: int, number: int) -> None:
        ids = [f"{i:03}" for i in range(begin, begin + number)]
        await scripted.submit_all([(i, a_task(lane="lane")) for i in ids])
        for claim in await scripted.claim("worker", number):
            await scripted.settle(claim, Dead("enough"))

    await die(0, 80)
    left = [f"{i:03}" for i in range(80)]
    a_chance(3).shuffle(left)
    added = iter(range(100, 1000, 5))

    async def move() -> None:
        await die(next(added), 2)
        for _ in range(3):
            await scripted.operations.delete_dead(TaskId(left.pop()))

    found = await _walk(scripted, TaskFilter(states=(State.DEAD,)), move)

    assert max(Counter(found).values()) == 1
    assert set(left) <= set(found)


async def test_settled_tasks_that_come_and_expire_hide_no_other(scripted: ScriptedQueue) -> None:
    """New deliveries and the end of old records move no other across the end of a page."""
    strict = ScriptedQueue(scripted.raw, scripted.key("").strip("{}:"), result_max=60)
    await strict.register("worker", 1000)

    async def deliver(begin: int, number: int) -> None:
        ids = [f"{i:04}" for i in range(begin, begin + number)]
        await strict.submit_all([(i, a_task(lane="lane")) for i in ids])
        for claim in await strict.claim("worker", number):
            await strict.settle(claim, Done())

    await deliver(0, 60)
    added = iter(range(1000, 9000, 10))

    async def move() -> None:
        await deliver(next(added), 3)

    found = await _walk(strict, TaskFilter(states=(State.DELIVERED,)), move)
    kept = {task.id for task in (await strict.reader.list(State.DELIVERED, limit=1000)).tasks}

    assert max(Counter(found).values()) == 1
    assert {task_id for task_id in kept if task_id < "1000"} <= set(found)


async def _bring(queue: ScriptedQueue, projects: list[str], state: State) -> None:
    """Let three tasks of each project come into a state."""
    tasks = [(f"{p}-{state}-{i}", a_task(lane=lane_in(p, f"h{i}:1"))) for p in projects
             for i in range(3)]  # fmt: skip
    paused = [task.lane for _, task in tasks] if state is State.QUEUED else []
    for lane in paused:
        await queue.operations.pause(lane)
    await queue.submit_all(tasks, delay_ms=HOUR_MS if state is State.SCHEDULED else 0)
    if state is State.CANCELLED:
        for task_id, _ in tasks:
            await queue.operations.cancel(TaskId(task_id))
    ends: dict[State, Decision] = {State.DEAD: Dead("x"), State.DELIVERED: Done()}
    for claim in await queue.claim("worker", 100):
        if (end := ends.get(state)) is not None:
            await queue.settle(claim, end)
    for lane in paused:
        await queue.operations.resume(lane)


async def test_a_project_sees_its_own_tasks_in_every_state(scripted: ScriptedQueue) -> None:
    """Each state's list shows a project its own tasks alone, and all projects all."""
    await scripted.register("worker", 1000)
    projects = ["default", "acme", "zeta"]
    for state in State:
        await _bring(scripted, projects, state)

    async def nothing() -> None:
        pass

    for project in projects:
        found = await _walk(scripted, TaskFilter(project=project), nothing, limit=4)
        assert sorted(found) == sorted(f"{project}-{s}-{i}" for s in State for i in range(3))
    everything = await _walk(scripted, TaskFilter(), nothing, limit=4)
    assert len(everything) == len(set(everything)) == 3 * 6 * 3
    one_lane = TaskFilter(project="acme", lane=lane_in("acme", "h1:1"))
    assert sorted(await _walk(scripted, one_lane, nothing)) == sorted(f"acme-{s}-1" for s in State)


async def test_a_search_looks_at_a_bounded_number_and_goes_on(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search for few among many stops at its bound, says so, and goes on from its cursor."""
    monkeypatch.setattr(search_module, "MAX_SCANNED", 500)
    for begin in range(0, 1500, 500):
        await scripted.submit_all(
            [(f"{i:04}", a_task(f"http://h.test/{i % 100}")) for i in range(begin, begin + 500)]
        )
    wanted = TaskFilter(states=(State.QUEUED,), url_prefix="http://h.test/42")
    pages, cursor = [], None
    while True:
        page = await scripted.reader.search.page(wanted, cursor, 100)
        pages.append(page)
        cursor = page.cursor
        if cursor is None:
            break

    assert [page.scanned for page in pages[:2]] == [500, 500]
    assert all(page.scanned_to_ms for page in pages[:2])
    assert [task.id for page in pages for task in page.tasks] == [
        f"{i:04}" for i in range(42, 1500, 100)
    ]


async def test_filters_hold_together(scripted: ScriptedQueue) -> None:
    """Outcome, status, time and prefix all narrow a search; a task is shown if all of them hold."""
    await scripted.register("worker", 1000)
    await scripted.submit_all([(f"{i}", a_task(f"http://h{i % 2}.test/x")) for i in range(6)])
    for claim in await scripted.claim("worker", 3):
        failed = an_attempt(Outcome.HTTP_ERROR, number=claim.attempt)
        await scripted.settle(claim, RetryAt(now_ms() + HOUR_MS), failed)

    async def ids(**wanted: object) -> int:
        page = await scripted.reader.search.page(TaskFilter(**wanted), None, 100)  # type: ignore[arg-type]
        return len(page.tasks)

    assert await ids(outcome=Outcome.HTTP_ERROR) == 3
    assert await ids(outcome=Outcome.TIMEOUT) == 0
    assert await ids(status_code=500) == 3
    assert await ids(created_after_ms=now_ms() + 10_000) == 0
    assert await ids(created_before_ms=now_ms() + 10_000) == 6
    assert await ids(url_prefix="http://h1.test/") == 3


@pytest.mark.parametrize("size", [0, 3000, 5000, 300_000])
async def test_pages_leave_large_bodies_out(size: int, scripted: ScriptedQueue) -> None:
    """A page holds every field of a task but a large body, and its record's true size."""
    headers = {f"X-{i}": "v" * i for i in range(40)}
    task = a_task(body=b"x" * size, headers=headers, lane="lane")
    await scripted.submit("1", task)
    (found,) = (await scripted.reader.list(State.QUEUED)).tasks
    whole = await scripted.reader.get_task(TaskId("1"))

    assert found.size == whole.size > size
    assert found.task is not None
    assert whole.task is not None
    assert (found.task.url, found.task.headers) == (task.url, headers)
    assert found.task.accepted_at_ms == task.accepted_at_ms
    assert len(found.task.body or b"") in {size, 0}
    assert whole.task.body == task.body


async def test_cursor_of_another_state_is_refused(scripted: ScriptedQueue) -> None:
    """A cursor serves the search that it came from."""
    await scripted.submit_all([(f"{i}", a_task()) for i in range(5)])
    page = await scripted.reader.list(State.QUEUED, limit=2)

    with pytest.raises(ValueError, match="not a cursor"):
        await scripted.reader.list(State.DEAD, cursor=page.cursor)
