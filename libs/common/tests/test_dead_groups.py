"""Dead letters by lane, outcome and status."""

from __future__ import annotations

import msgspec
import pytest

from queue_common.lanes import lane_in
from queue_common.queue import DeadGroup, Scope
from queue_common.retry import Dead
from queue_common.task import Attempt, Outcome, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt


async def _die(queue: ScriptedQueue, task_id: str, lane: str, attempt: Attempt) -> None:
    await queue.register("worker")
    await queue.submit(task_id, a_task(lane=lane))
    for claim in await queue.claim("worker", 10):
        await queue.settle(claim, Dead("enough"), attempt)


def _counts(groups: list[DeadGroup]) -> dict[tuple[str, str, int], int]:
    return {group[:3]: group.number for group in groups}


async def _all_pages(queue: ScriptedQueue, limit: int) -> list[DeadGroup]:
    page = await queue.reader.dead_groups.read(Scope(), None, limit)
    groups = page.groups
    while page.cursor is not None:
        page = await queue.reader.dead_groups.read(Scope(), page.cursor, limit)
        groups = groups + page.groups
    return groups


HTTP = an_attempt(Outcome.HTTP_ERROR, error="answered 500")
SLOW = an_attempt(Outcome.TIMEOUT, error="no answer")


async def test_groups_count_what_dead_letters_have_in_common(scripted: ScriptedQueue) -> None:
    """Lane, outcome and status make a group, the largest first; its newest is the example."""
    for i in range(3):
        await _die(scripted, f"a{i}", "a:1", HTTP)
    await _die(scripted, "slow", "a:1", SLOW)
    await _die(scripted, "b", "b:1", msgspec.structs.replace(HTTP, response_excerpt="x" * 4000))
    found = await scripted.reader.dead_groups.read(Scope())

    assert found.exact
    assert _counts(found.groups) == {
        ("a:1", "http_error", 500): 3, ("a:1", "timeout", 0): 1, ("b:1", "http_error", 500): 1,
    }  # fmt: skip
    first = found.groups[0]
    assert (first.example_id, first.example_error) == ("a2", "answered 500")
    assert first.first_at_ms <= first.last_at_ms


async def test_groups_are_of_a_project_or_a_lane(scripted: ScriptedQueue) -> None:
    """A project sees its own dead letters alone, and so does a lane."""
    await _die(scripted, "1", "a:1", HTTP)
    await _die(scripted, "2", lane_in("acme", "a:1"), HTTP)
    await _die(scripted, "3", lane_in("acme", "b:1"), HTTP)

    async def lanes(scope: Scope) -> list[str]:
        return sorted(
            group.lane for group in (await scripted.reader.dead_groups.read(scope)).groups
        )

    assert await lanes(Scope("default")) == ["a:1"]
    assert await lanes(Scope("acme")) == [lane_in("acme", "a:1"), lane_in("acme", "b:1")]
    assert await lanes(Scope("acme", lane_in("acme", "b:1"))) == [lane_in("acme", "b:1")]
    assert len(await lanes(Scope())) == 3


async def test_groups_are_listed_by_page(scripted: ScriptedQueue) -> None:
    """A page goes on where the last one ended, also among groups of the same number."""
    for i in range(6):
        await _die(scripted, str(i), f"lane:{i // (i % 3 + 1)}", HTTP if i % 2 else SLOW)
    whole = await scripted.reader.dead_groups.read(Scope())
    for limit in (1, 2, 3):
        assert await _all_pages(scripted, limit) == whole.groups
    assert whole.cursor is None
    assert sum(group.number for group in whole.groups) == 6


async def test_a_group_that_goes_hides_no_other(scripted: ScriptedQueue) -> None:
    """A page begins after the place of the last group before it, though that is gone by then."""
    for i in range(5):
        await _die(scripted, str(i), f"lane:{i}", HTTP)
    whole = await scripted.reader.dead_groups.read(Scope())
    first = await scripted.reader.dead_groups.read(Scope(), None, 2)
    for group in first.groups:
        await scripted.operations.delete_dead(TaskId(group.example_id))
    second = await scripted.reader.dead_groups.read(Scope(), first.cursor)

    assert first.groups + second.groups == whole.groups


@pytest.mark.parametrize("cursor", ["", "x", "ä", "o2", "MQ", "LTEKYQpiCjA", "//8K"])
async def test_what_is_no_cursor_is_refused(scripted: ScriptedQueue, cursor: str) -> None:
    """A cursor that no page had raises a ValueError."""
    with pytest.raises(ValueError, match="not a cursor of groups"):
        await scripted.reader.dead_groups.read(Scope(), cursor)


async def test_groups_follow_what_becomes_of_dead_letters(scripted: ScriptedQueue) -> None:
    """The first and the newest of a group change when others are run again, deleted or expire."""
    for i in range(4):
        await _die(scripted, str(i), "a:1", HTTP)
    await scripted.operations.requeue(TaskId("3"))
    await scripted.operations.delete_dead(TaskId("0"))
    (group,) = (await scripted.reader.dead_groups.read(Scope("default"))).groups

    assert (group.number, group.example_id) == (2, "2")
    assert group.first_at_ms == (await scripted.reader.record("1")).at_ms
    await scripted.inspector.check()


async def test_poison_is_grouped_by_its_crash(scripted: ScriptedQueue) -> None:
    """A task whose worker died under it is in a group of its own, whatever its attempt before."""
    await scripted.register("worker")
    await scripted.submit("1", a_task(lane="a:1"))
    while not (found := await scripted.reader.dead_groups.read(Scope())).groups:
        assert await scripted.claim("worker", 1)
        await scripted.expire("worker")
        await scripted.reap()
        await scripted.register("worker")

    assert _counts(found.groups) == {("a:1", "poison", 0): 1}
    await scripted.inspector.check()


async def test_dead_letters_of_the_previous_release_are_counted(scripted: ScriptedQueue) -> None:
    """Renewals count what a release without groups left; until then the groups say so."""
    for i in range(3):
        await _die(scripted, str(i), "a:1", HTTP)
    await scripted.forget_dead_groups()
    before = await scripted.reader.dead_groups.read(Scope())
    await scripted.renew("worker")
    after = await scripted.reader.dead_groups.read(Scope())

    assert (before.groups, before.exact) == ([], False)
    assert (_counts(after.groups), after.exact) == ({("a:1", "http_error", 500): 3}, True)
    await scripted.inspector.check()


async def test_deleted_dead_letters_are_in_no_group(scripted: ScriptedQueue) -> None:
    """Without dead letters there are no groups."""
    await _die(scripted, "1", "a:1", HTTP)
    await scripted.operations.delete_dead(TaskId("1"))

    assert await scripted.reader.dead_groups.read(Scope()) == ([], None, True)
