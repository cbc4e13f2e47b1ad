"""Dead letters by lane, outcome and status."""

from __future__ import annotations

import msgspec
import pytest

from queue_common.lanes import lane_in
from queue_common.queue import DeadGroup, Scope
from queue_common.queue.admin import dead_groups
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


async def test_groups_of_many_are_of_the_newest(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call looks at a bounded number, in steps, and says that there are more."""
    monkeypatch.setattr(dead_groups, "MAX_SCANNED", 6)
    monkeypatch.setattr(dead_groups, "BATCH_SIZE", 3)
    for i in range(9):
        await _die(scripted, str(i), "a:1", HTTP if i % 2 else SLOW)
    found = await scripted.reader.dead_groups.read(Scope())

    assert not found.exact
    assert sum(group.number for group in found.groups) == 6
    assert {group.example_id for group in found.groups} == {"8", "7"}


async def test_deleted_dead_letters_are_in_no_group(scripted: ScriptedQueue) -> None:
    """Without dead letters there are no groups."""
    await _die(scripted, "1", "a:1", HTTP)
    await scripted.operations.delete_dead(TaskId("1"))

    assert await scripted.reader.dead_groups.read(Scope()) == ([], True)
