"""Operations on many tasks: what they change, and that their numbers add up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from queue_common.queue import Action, Definition, Operation, OperationRunner, TaskFilter
from queue_common.queue.admin.bulk import OperationStore
from queue_common.queue.admin.operations import Operations
from queue_common.retry import RetryAt
from queue_common.task import State, TaskId, TaskView
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

HOUR_MS = 3_600_000
SCHEDULED = TaskFilter(states=(State.SCHEDULED,))


class Rival(Operations):
    """Somebody else is a moment quicker with each task, and then the task fails again."""

    queue: ScriptedQueue
    moves_first = False
    fails = False

    async def run(self, task_id: TaskId, *, operation: str = "") -> State:
        if self.moves_first:
            await super().run(task_id)
        found = await super().run(task_id, operation=operation)
        if self.fails:
            for claim in await self.queue.claim("one", 1):
                attempt = msgspec.structs.replace(an_attempt(), started_at_ms=now_ms() + 1)
                await self.queue.settle(claim, RetryAt(now_ms() + HOUR_MS), attempt)
        return found


async def _replay(_: TaskView, __: str) -> None:
    raise NotImplementedError


@asynccontextmanager
async def _runner(scripted: ScriptedQueue) -> AsyncIterator[tuple[OperationStore, Rival]]:
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    rival = Rival(scripted.scripts, scripted.reader, result_ttl_ms=HOUR_MS)
    rival.queue = scripted
    runner = OperationRunner(store, scripted.reader, rival, _replay, lambda _, __: True)
    runner.start()
    try:
        yield store, rival
    finally:
        await runner.close()


async def _finished(store: OperationStore, definition: Definition) -> Operation:
    created = await store.create("default", definition)
    assert created is not None
    begun, _ = created

    async def ended() -> Operation | None:
        now = await store.get("default", begun.id)
        return now if now.finished_at_ms else None

    found = await wait_until(ended, "the operation has ended")
    assert found is not None
    return found


async def _schedule(scripted: ScriptedQueue, number: int) -> list[str]:
    ids = [f"{i:02}" for i in range(number)]
    await scripted.submit_all([(i, a_task(lane="lane")) for i in ids], delay_ms=HOUR_MS)
    return ids


async def test_an_empty_list_of_ids_is_no_task(scripted: ScriptedQueue) -> None:
    """The runner changes nothing for an operation on no ids, whoever stored it."""
    await _schedule(scripted, 3)
    async with _runner(scripted) as (store, _):
        ended = await _finished(store, Definition(Action.CANCEL, SCHEDULED, ids=()))

    assert (ended.matched, ended.done) == (0, 0)
    assert (await scripted.reader.count()).scheduled == 3


async def test_running_tasks_that_fail_again_ends(scripted: ScriptedQueue) -> None:
    """Each task is run once, though it comes back ahead of the operation."""
    await scripted.register("one", 1000)
    await _schedule(scripted, 12)
    async with _runner(scripted) as (store, rival):
        rival.fails = True
        ended = await _finished(store, Definition(Action.RUN, SCHEDULED, rate=200))

    assert (ended.state, ended.matched, ended.done) == ("done", 12, 12)


async def test_a_task_that_others_ran_first_is_skipped(scripted: ScriptedQueue) -> None:
    """What is found queued at its turn counts as skipped: the numbers add up to the matched."""
    ids = await _schedule(scripted, 5)
    async with _runner(scripted) as (store, rival):
        rival.moves_first = True
        ended = await _finished(store, Definition(Action.RUN, SCHEDULED, ids=tuple(ids)))

    assert (ended.matched, ended.done, ended.skipped, ended.failed) == (5, 0, 5, 0)
