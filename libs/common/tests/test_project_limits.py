"""Limits: what a project, a lane and the queue may have, and what they have."""

from __future__ import annotations

from typing import Any

import pytest

from queue_common.errors import LimitError, UnknownProjectError, WrongStateError
from queue_common.lanes import lane_in
from queue_common.queue import TaskQueue
from queue_common.queue.admin.projects import ProjectLimits, ProjectUse
from queue_common.queue.storage.record import queued_record
from queue_common.retry import Dead, Decision, Done, RetryAt
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Task, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

HOUR_MS = 3_600_000
RATE, WAITING, BYTES, LANES, BACKLOG, LANE_BACKLOG = -2, -3, -4, -5, -6, -7


def _task(lane: str = "a", project: str = "one") -> Task:
    return a_task(lane=lane_in(project, lane))


def _size(task: Task) -> int:
    return len(queued_record(task.lane, task.encode(), task.digest()))


async def _limit(queue: ScriptedQueue, **limits: float) -> None:
    await queue.projects.put("one", weight=1, limits=ProjectLimits(**limits))  # type: ignore[arg-type]


def _codes(results: list[object]) -> list[object]:
    return [result[0] if isinstance(result, list) else result for result in results]


async def _submit(queue: ScriptedQueue, tasks: list[Task], prefix: str = "t") -> list[object]:
    """Submit tasks with one call; return their results, of a refused one the code alone."""
    numbered = [(f"{prefix}{number}", task) for number, task in enumerate(tasks)]
    return _codes([*await queue.submit_all(numbered)])


@pytest.mark.parametrize(
    ("limits", "tasks", "expected"),
    [
        ({"rate": 0.001, "burst": 2}, [_task()] * 4, [1, 1, RATE, RATE]),
        ({"waiting": 3}, [_task()] * 5, [1, 1, 1, WAITING, WAITING]),
        ({"stored_bytes": 2 * _size(_task())}, [_task()] * 3, [1, 1, BYTES]),
        ({"lanes": 2}, [_task(lane) for lane in "abacb"], [1, 1, 1, LANES, 1]),
    ],
    ids=["rate", "waiting", "stored_bytes", "lanes"],
)
async def test_tasks_over_a_limit_are_refused_alone(
    scripted: ScriptedQueue, limits: dict[str, float], tasks: list[Task], expected: list[int]
) -> None:
    """In a batch of several projects, only the tasks over their project's limit are refused."""
    await _limit(scripted, **limits)
    others = [_task(project="two"), a_task()]

    assert await _submit(scripted, [*tasks, *others]) == [*expected, 1, 1]
    await scripted.inspector.check()


async def test_known_task_is_no_new_one(scripted: ScriptedQueue) -> None:
    """A repetition of an accepted task succeeds at the limit, and takes nothing of it."""
    await _limit(scripted, waiting=2)
    tasks = [_task()] * 3
    first = await _submit(scripted, tasks)
    again = await _submit(scripted, tasks)

    assert (first, again) == ([1, 1, WAITING], [0, 0, WAITING])
    await scripted.inspector.check()


async def test_rate_says_when_it_has_a_token(scripted: ScriptedQueue) -> None:
    """A task over the rate is told after how long the next token comes."""
    await _limit(scripted, rate=0.5, burst=1)
    results: list[Any] = [*await scripted.submit_all([("1", _task()), ("2", _task())])]
    code, wait_ms, rate, burst = results[1]

    assert (code, float(rate), burst) == (RATE, 0.5, 1)
    assert 1000 < wait_ms <= 2000


async def test_tokens_come_back_over_time(scripted: ScriptedQueue) -> None:
    """An empty bucket has a token again after a second divided by the rate."""
    await _limit(scripted, rate=1000, burst=1)
    for number in range(20):
        while _codes([*await scripted.submit_all([(str(number), _task())])]) == [RATE]:
            pass
    await scripted.inspector.check()


async def test_waiting_tasks_that_went_make_room(scripted: ScriptedQueue) -> None:
    """A task that is claimed, cancelled or purged waits no more."""
    await _limit(scripted, waiting=1)
    await scripted.register("worker")
    assert await _submit(scripted, [_task()], "claimed") == [1]
    await scripted.claim("worker", 1)
    assert await _submit(scripted, [_task()], "cancelled") == [1]
    await scripted.operations.cancel(TaskId("cancelled0"))
    assert await _submit(scripted, [_task()], "purged") == [1]
    await scripted.operations.purge(lane_in("one", "a"))

    assert await _submit(scripted, [_task()] * 2, "last") == [1, WAITING]
    await scripted.inspector.check()


async def test_use_is_what_limits_count(scripted: ScriptedQueue) -> None:
    """Waiting, bytes, requests in flight and lanes of a project are told beside its limits."""
    await _limit(scripted, waiting=10, rate=2.5, burst=7)
    await scripted.register("worker")
    await _submit(scripted, [_task("a"), _task("a"), _task("b")])
    await scripted.submit("later", _task("c"), delay_ms=HOUR_MS)
    await scripted.submit("other", a_task(lane="d"))
    taken = await scripted.claim("worker", 2)
    project = await scripted.projects.get("one")
    default = await scripted.projects.get("default")

    size = sum(map(_size, [_task("a"), _task("a"), _task("b"), _task("c")]))
    in_flight = sum(claim.lane != "d" for claim in taken)
    assert project.limits == ProjectLimits(rate=2.5, burst=7, waiting=10)
    assert project.use == ProjectUse(4 - in_flight, size, in_flight, 3)
    assert default.use == ProjectUse(in_flight - 1, None, 2 - in_flight, 1)


async def test_settled_tasks_are_not_counted(scripted: ScriptedQueue) -> None:
    """Delivered, cancelled and dead tasks are not in a project's use; a requeued one is again."""
    await scripted.register("worker")
    await _submit(scripted, [_task()] * 3)
    claims = await scripted.claim("worker", 3)
    ends: list[Decision] = [Done(), Dead("enough"), RetryAt(now_ms())]
    for claim, decision in zip(claims, ends, strict=True):
        await scripted.settle(claim, decision)
    after = (await scripted.projects.get("one")).use
    await scripted.operations.requeue(TaskId(claims[1].task_id))
    requeued = (await scripted.projects.get("one")).use

    assert (after.waiting, after.in_flight, after.stored_bytes) == (1, 0, _size(_task()))
    assert requeued.waiting == 2
    await scripted.inspector.check()


async def test_projects_are_listed_by_name(scripted: ScriptedQueue) -> None:
    """Pages hold the projects that have settings or had tasks, in the order of their names."""
    for project in ("c", "a"):
        await scripted.submit(project, _task(project=project))
    await scripted.projects.put("b", weight=5, limits=ProjectLimits())
    first = await scripted.projects.page(limit=2)
    last = await scripted.projects.page(after=first.cursor or "", limit=2)

    assert [(p.project, p.weight) for p in first.projects] == [("a", 1), ("b", 5)]
    assert ([p.project for p in last.projects], last.cursor) == (["c"], None)


async def test_project_with_tasks_is_not_forgotten(scripted: ScriptedQueue) -> None:
    """A project is forgotten once it has no tasks; its name then is unknown."""
    await scripted.submit("1", _task())
    with pytest.raises(WrongStateError):
        await scripted.projects.delete("one")
    await scripted.operations.cancel(TaskId("1"))
    await scripted.projects.delete("one")

    with pytest.raises(UnknownProjectError):
        await scripted.projects.get("one")
    with pytest.raises(UnknownProjectError):
        await scripted.projects.delete("one")


async def test_raised_limit_is_used_at_once(scripted: ScriptedQueue) -> None:
    """A project at its limit of requests goes on when that is raised."""
    await scripted.register("worker")
    await _limit(scripted, in_flight=1)
    await _submit(scripted, [_task()] * 5)
    first, full = await scripted.claim("worker"), await scripted.claim("worker")
    await _limit(scripted, in_flight=3)
    more = await scripted.claim("worker")

    assert (len(first), len(full), len(more)) == (1, 0, 2)


@pytest.mark.parametrize(
    ("backlogs", "code"), [((2, 0), BACKLOG), ((0, 2), LANE_BACKLOG)], ids=["queue", "lane"]
)
async def test_backlog_has_a_bound(
    scripted: ScriptedQueue, backlogs: tuple[int, int], code: int
) -> None:
    """MAX_BACKLOG and MAX_LANE_BACKLOG count waiting and scheduled tasks, over several calls."""
    scripted.backlogs = backlogs
    await scripted.submit("first", a_task(lane="a"), delay_ms=HOUR_MS)
    results = await _submit(scripted, [a_task(lane="a")] * 2)
    await scripted.register("worker")
    await scripted.claim("worker")

    assert results == [1, code]
    assert await _submit(scripted, [a_task(lane="a")], "again") == [1]
    other = await _submit(scripted, [a_task(lane="b")], "other")
    assert other == [1 if code == LANE_BACKLOG else code]


async def test_client_is_told_the_limit(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> None:
    """The submission of a task over a limit fails with the limit's name and size."""
    queue = TaskQueue(redis_settings, queue_settings.model_copy(update={"max_lane_backlog": 1}))
    await queue.submit(TaskId("1"), a_task())
    with pytest.raises(LimitError) as refused:
        await queue.submit(TaskId("2"), a_task())
    await queue.disconnect()

    assert (refused.value.limit, refused.value.quota) == ("lane_backlog", "1")
