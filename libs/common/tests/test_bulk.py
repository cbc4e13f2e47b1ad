"""Operations on many tasks: what they change, and that their numbers add up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from queue_common.errors import LimitError
from queue_common.queue import Action, Definition, Operation, OperationRunner, TaskFilter
from queue_common.queue.admin import bulk
from queue_common.queue.admin.bulk import OperationStore
from queue_common.queue.admin.bulk.store import StepResult
from queue_common.queue.admin.operations import Operations
from queue_common.queue.storage.keys import Key
from queue_common.retry import Dead, RetryAt
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
    hangs_on: frozenset[str] = frozenset()
    """Tasks whose cancellation does not end."""

    async def cancel(
        self, task_id: TaskId, *, payload: bytes | None = None, operation: str = ""
    ) -> State:
        if task_id in self.hangs_on:
            await asyncio.Event().wait()
        return await super().cancel(task_id, payload=payload, operation=operation)

    async def run(self, task_id: TaskId, *, operation: str = "") -> State:
        if self.moves_first:
            await super().run(task_id)
        found = await super().run(task_id, operation=operation)
        if self.fails:
            for claim in await self.queue.claim("one", 1):
                attempt = msgspec.structs.replace(an_attempt(), started_at_ms=now_ms() + 1)
                await self.queue.settle(claim, RetryAt(now_ms() + HOUR_MS), attempt)
        return found


class Replayer:
    """Repeats as many tasks as there is room for."""

    def __init__(self, room: int = 0, *, fits: bool = True) -> None:
        self.room = room
        self._fits = fits

    async def __call__(self, _: TaskView, __: Operation) -> None:
        if not self.room:
            raise LimitError("waiting", "project default", fits=self._fits)
        self.room -= 1


@asynccontextmanager
async def _runner(
    scripted: ScriptedQueue, replay: Replayer | None = None
) -> AsyncIterator[tuple[OperationStore, Rival]]:
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    rival = Rival(scripted.scripts, scripted.reader, result_ttl_ms=HOUR_MS)
    rival.queue = scripted
    runner = OperationRunner(
        store, scripted.reader, rival, replay or Replayer(), lambda _, __: True
    )
    runner.start()
    try:
        yield store, rival
    finally:
        await runner.close()


async def _begin(
    store: OperationStore, definition: Definition, project: str = "default"
) -> Operation:
    created = await store.create(project, definition)
    assert created is not None
    return created[0]


async def _end(store: OperationStore, begun: Operation) -> Operation:
    async def ended() -> Operation | None:
        now = await store.get(begun.project, begun.id)
        return now if now.finished_at_ms else None

    found = await wait_until(ended, "the operation has ended")
    assert found is not None
    return found


async def _finished(store: OperationStore, definition: Definition) -> Operation:
    return await _end(store, await _begin(store, definition))


async def _schedule(scripted: ScriptedQueue, number: int) -> list[str]:
    ids = [f"{i:02}" for i in range(number)]
    await scripted.submit_all([(i, a_task(lane="lane")) for i in ids], delay_ms=HOUR_MS)
    return ids


async def _die(scripted: ScriptedQueue, number: int) -> Definition:
    """Make dead letters; return the operation that replays them."""
    await scripted.register("one", 1000)
    await scripted.submit_all([(f"{i:02}", a_task(lane="lane")) for i in range(number)])
    for claim in await scripted.claim("one", number):
        await scripted.settle(claim, Dead("enough"), an_attempt())
    return Definition(Action.REPLAY, TaskFilter(states=(State.DEAD,)))


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


async def test_a_slow_operation_holds_up_no_other(scripted: ScriptedQueue) -> None:
    """An operation that is begun after one with a low rate ends long before it."""
    ids = await _schedule(scripted, 30)
    async with _runner(scripted) as (store, _):
        slow = await _begin(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids[1:]), rate=1))
        quick = await _finished(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids[:1])))
        still = await store.get("default", slow.id)

    assert (quick.state, quick.done, still.state) == ("done", 1, "running")


async def test_a_project_does_not_wait_for_the_operations_of_another(
    scripted: ScriptedQueue,
) -> None:
    """However many steps of one project do not end, an operation of another project does."""
    ids = await _schedule(scripted, 13)
    async with _runner(scripted) as (store, rival):
        rival.hangs_on = frozenset(ids[1:])
        for task_id in ids[1:]:
            await _begin(store, Definition(Action.CANCEL, SCHEDULED, (task_id,)), "greedy")
        ended = await _finished(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids[:1])))

    assert (ended.state, ended.done) == ("done", 1)


async def test_operations_keep_their_own_rates(scripted: ScriptedQueue) -> None:
    """Of operations that run at once each takes as long as its rate asks for."""
    ids = await _schedule(scripted, 12)
    async with _runner(scripted) as (store, _):
        slow = await _begin(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids[:6]), rate=2))
        quick = await _begin(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids[6:]), rate=3))
        both = [await _end(store, begun) for begun in (slow, quick)]

    took = [(ended.finished_at_ms or 0) - ended.created_at_ms for ended in both]
    assert [ended.done for ended in both] == [6, 6]
    assert 1000 <= took[1] < 2000 <= took[0] < 4000


async def test_an_operation_in_a_pause_stops_at_once(scripted: ScriptedQueue) -> None:
    """An operation that nobody works on, because its rate makes it wait, has no step to end."""
    ids = await _schedule(scripted, 3)
    async with _runner(scripted) as (store, _):
        begun = await _begin(store, Definition(Action.CANCEL, SCHEDULED, tuple(ids), rate=1))

        async def pauses() -> bool:
            return (await store.get("default", begun.id)).cursor != ""

        await wait_until(pauses, "the first step has ended")
        stopped = await store.stop("default", begun.id)

    assert (stopped.state, stopped.done, stopped.finished_at_ms is None) == ("stopped", 1, False)


async def test_an_operation_that_a_dead_process_held_stops_at_once(
    scripted: ScriptedQueue,
) -> None:
    """After the end of its claim nobody is waited for, and the holder's commit is refused."""
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    begun = await _begin(store, Definition(Action.CANCEL, SCHEDULED))
    assert isinstance(await store.claim("dead"), Operation)
    asked = await store.stop("default", begun.id)
    member = f"default\x1f{begun.id}"
    await scripted.raw.zadd(scripted.keys.of(Key.RUNNING), {member: now_ms() - 1})
    stopped = await store.stop("default", begun.id)
    await store.commit(begun, "dead", "1:9:9", StepResult(matched=9))

    assert (asked.state, stopped.state) == ("stopping", "stopped")
    assert (await store.get("default", begun.id)).matched == 0


async def test_the_claim_outlasts_a_long_step(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a step takes, no other process takes the operation from the one that works."""
    monkeypatch.setattr(bulk.store, "CLAIM_SECONDS", 0.3)
    monkeypatch.setattr(bulk.runner, "RENEW_SECONDS", 0.05)
    ids = await _schedule(scripted, 1)
    async with _runner(scripted) as (store, rival):
        rival.hangs_on = frozenset(ids)
        begun = await _begin(store, Definition(Action.CANCEL, SCHEDULED))
        member = f"default\x1f{begun.id}"

        async def is_renewed() -> bool:
            until = await scripted.raw.zscore(scripted.keys.of(Key.RUNNING), member)
            return until is not None and until > begun.created_at_ms + 1000

        await wait_until(is_renewed, "the claim has been renewed three times over")
        assert isinstance(await store.claim("other"), float)


async def test_another_process_goes_on_after_a_dead_one(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation whose claim is not renewed is taken up as soon as the claim has ended."""
    await _schedule(scripted, 3)
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    begun = await _begin(store, Definition(Action.CANCEL, SCHEDULED))
    monkeypatch.setattr(bulk.store, "CLAIM_SECONDS", 0.5)
    assert isinstance(await store.claim("dead"), Operation)
    async with _runner(scripted) as (store, _):
        ended = await _end(store, begun)

    assert (ended.state, ended.done) == ("done", 3)


async def test_a_stop_does_not_wait_for_a_long_step(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation whose task does not end is stopped soon, and tells what it has done."""
    monkeypatch.setattr(bulk.runner, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(bulk.runner, "HALT_SECONDS", 0.05)
    ids = await _schedule(scripted, 30)
    async with _runner(scripted) as (store, rival):
        rival.hangs_on = frozenset(ids[5:])
        begun = await _begin(store, Definition(Action.CANCEL, SCHEDULED))

        async def has_done_some() -> bool:
            return (await store.get("default", begun.id)).done == 5

        await wait_until(has_done_some, "five tasks are cancelled")
        asked = await store.stop("default", begun.id)
        ended = await _end(store, begun)

    assert (asked.state, ended.state) == ("stopping", "stopped")
    assert (ended.matched, ended.done, ended.failed) == (5, 5, 0)


async def test_an_operation_waits_for_room(scripted: ScriptedQueue) -> None:
    """What a limit refuses is tried again once there is room; what was done before is told."""
    definition, replay = await _die(scripted, 30), Replayer(room=3)
    async with _runner(scripted, replay) as (store, _):
        begun = await _begin(store, definition)

        async def has_done_some() -> bool:
            now = await store.get("default", begun.id)
            return (now.matched, now.done) == (3, 3)

        await wait_until(has_done_some, "three tasks are replayed and told")
        replay.room = 1000
        ended = await _end(store, begun)

    assert (ended.state, ended.matched, ended.done, ended.failed) == ("done", 30, 30, 0)
    assert replay.room == 1000 - 27


async def test_tasks_without_room_fail_in_the_end(
    scripted: ScriptedQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a limit lets no task through for long the operation ends, and counts them as failed."""
    monkeypatch.setattr(bulk.step, "RETRY_SECONDS", 0)
    definition = await _die(scripted, 30)
    async with _runner(scripted, Replayer(room=3)) as (store, _):
        ended = await _finished(store, definition)

    assert (ended.state, ended.matched, ended.done, ended.failed) == ("done", 30, 3, 27)


async def test_tasks_that_never_fit_fail_at_once(scripted: ScriptedQueue) -> None:
    """A task that is over a limit by itself is not waited for."""
    definition = await _die(scripted, 30)
    async with _runner(scripted, Replayer(fits=False)) as (store, _):
        ended = await _finished(store, definition)

    assert (ended.state, ended.failed) == ("done", 30)
    assert (ended.finished_at_ms or 0) - ended.created_at_ms < 5000


async def test_operations_of_one_moment_are_listed_once(scripted: ScriptedQueue) -> None:
    """Pages neither skip nor repeat operations of several projects that began at the same time."""
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    begun = [
        await _begin(store, Definition(Action.CANCEL, SCHEDULED), project)
        for project in ("one", "two", "one", "two", "one")
    ]
    members = {f"{operation.project}\x1f{operation.id}": 1000 for operation in begun}
    await scripted.raw.zadd(scripted.keys.of(Key.OPERATIONS), members)
    page = await store.page(None, None, 2)
    listed = [*page.operations]
    while page.cursor is not None:
        page = await store.page(None, page.cursor, 2)
        listed += page.operations

    assert sorted(one.id for one in listed) == sorted(one.id for one in begun)


async def test_an_expired_operation_ends_no_list(scripted: ScriptedQueue) -> None:
    """A page that is shorter because an operation is not kept any more still has a cursor."""
    store = OperationStore(scripted.raw, scripted.scripts, scripted.keys)
    begun = [await _begin(store, Definition(Action.CANCEL, SCHEDULED)) for _ in range(3)]
    await scripted.raw.delete(scripted.keys.of(Key.OPERATION, begun[2].id))
    await scripted.raw.zadd(
        scripted.keys.of(Key.OPERATIONS),
        {f"default\x1f{one.id}": number for number, one in enumerate(begun)},
    )
    first = await store.page("default", None, 2)
    second = await store.page("default", first.cursor, 2)

    assert [one.id for one in (*first.operations, *second.operations)] == [
        begun[1].id, begun[0].id,
    ]  # fmt: skip
