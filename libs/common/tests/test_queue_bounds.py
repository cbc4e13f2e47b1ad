"""Nothing is dropped in silence: what a bound removes is counted, and the rest is kept in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis.asyncio

from queue_common.errors import UnknownTaskError
from queue_common.queue.storage.connection import reply
from queue_common.retry import Dead, Done, RetryAt
from queue_common.settings import QueueSettings
from queue_common.task import Outcome, State, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

Opener = Callable[..., ScriptedQueue]

SECRET = a_task("http://a.test/x", lane="a", body=b"secret", headers={"Authorization": "secret"})


@pytest.fixture
def bounded(raw_redis: redis.asyncio.Redis, queue_settings: QueueSettings) -> Opener:
    """Opens the test's queue with bounds of the test's choice."""

    def open_one(**retention: int) -> ScriptedQueue:
        return ScriptedQueue(raw_redis, queue_settings.queue_name, **retention)

    return open_one


async def _settle(
    queue: ScriptedQueue, count: int, decision: Done | Dead, prefix: str = ""
) -> None:
    """Let tasks come to their end one after the other."""
    await queue.register("worker", 1000)
    for i in range(count):
        await queue.submit(f"{prefix}{i}", SECRET)
        (claim,) = await queue.claim("worker", 1)
        failed = an_attempt(Outcome.HTTP_ERROR, error="500")
        delivered = isinstance(decision, Done)
        assert await queue.settle(claim, decision, an_attempt() if delivered else failed)


async def test_delivered_task_leaves_a_compact_record(scripted: ScriptedQueue) -> None:
    """A delivered task can be looked up without body and headers, with its last attempt."""
    await _settle(scripted, 1, Done())
    record = await scripted.reader.record("0")
    attempt = record.last_attempt()

    assert (record.state, record.attempts) == (State.DELIVERED, 1)
    assert record.task() == SECRET.compact()
    assert attempt is not None
    assert attempt.status_code == 200


async def test_record_of_a_delivered_task_expires(
    bounded: Opener, raw_redis: redis.asyncio.Redis
) -> None:
    """A settled record is kept for RESULT_TTL, by Redis' own clock."""
    queue = bounded(result_ttl_ms=60_000)
    await _settle(queue, 1, Done())

    assert 50_000 < await raw_redis.pttl(queue.key("t:0")) <= 60_000


async def test_no_record_is_kept_where_none_is_wanted(bounded: Opener) -> None:
    """With RESULT_TTL 0 a settled task leaves nothing but its count."""
    queue = bounded(result_ttl_ms=0)
    await _settle(queue, 3, Done())
    await queue.submit("x", SECRET)
    await queue.operations.cancel(TaskId("x"))
    snapshot = await queue.inspector.check()
    counters = await queue.reader.counters()

    assert not snapshot.leftovers()
    assert not snapshot.lists.get("results")
    assert (counters["delivered_total"], counters["cancelled_total"]) == (3, 1)
    with pytest.raises(UnknownTaskError):
        await queue.reader.record("0")


async def test_oldest_records_beyond_the_bound_are_removed_and_counted(bounded: Opener) -> None:
    """Of RESULT_MAX + 3 settled tasks the first three are forgotten, and counted."""
    queue = bounded(result_max=5)
    await _settle(queue, 8, Done())
    snapshot = await queue.inspector.check()

    assert sorted(snapshot.records) == ["3", "4", "5", "6", "7"]
    assert (await queue.reader.count()).settled == 5
    assert (await queue.reader.counters())["results_removed_total"] == 3


async def test_expired_entries_are_cleared_away(
    bounded: Opener, raw_redis: redis.asyncio.Redis
) -> None:
    """What RESULT_TTL has removed takes no room in the list of settled tasks for long."""
    queue = bounded(result_ttl_ms=1)
    await _settle(queue, 3, Done())
    while await raw_redis.exists(queue.key("t:2")):
        pass
    await queue.renew("worker")

    assert (await queue.reader.count()).settled == 0
    await queue.inspector.check()


async def test_bound_spares_an_id_that_came_back(bounded: Opener) -> None:
    """The bound removes settled records alone: not a task that uses a settled one's id again."""
    queue = bounded(result_max=1, result_ttl_ms=1)
    await _settle(queue, 1, Done())
    while (await queue.submit("0", SECRET)) == 0:
        pass
    kept = bounded(result_max=0)
    await kept.renew("worker")

    assert await queue.inspector.places("0") == ["queued a"]
    await queue.inspector.check()


async def test_dead_letter_is_kept_in_full(scripted: ScriptedQueue) -> None:
    """A dead letter keeps body, headers and its last error for DEAD_TTL, and not longer."""
    await _settle(scripted, 1, Dead("enough"))
    record = await scripted.reader.record("0")
    attempt = record.last_attempt()

    assert (record.state, record.task()) == (State.DEAD, SECRET)
    assert attempt is not None
    assert attempt.error == "500"


async def test_oldest_dead_letters_beyond_the_bound_are_removed_and_counted(
    bounded: Opener,
) -> None:
    """Of DEAD_MAX + 2 dead letters the first two go, and are counted."""
    queue = bounded(dead_max=3)
    await _settle(queue, 5, Dead("enough"))
    snapshot = await queue.inspector.check()

    # Those that died in one millisecond go in the order of their ids.
    assert sorted(snapshot.records) == ["2", "3", "4"]
    assert (await queue.reader.counters())["dead_removed_total"] == 2
    assert (await queue.reader.counters())["dead_total"] == 5


async def test_expired_dead_letters_are_removed_and_counted(bounded: Opener) -> None:
    """A dead letter goes after DEAD_TTL, out of its lane's list too, and is counted."""
    queue = bounded(dead_ttl_ms=1)
    await _settle(queue, 1, Dead("enough"))
    before = now_ms()
    while now_ms() <= before + 2:
        pass
    await queue.renew("worker")
    snapshot = await queue.inspector.check()

    assert not snapshot.leftovers()
    assert (await queue.reader.counters())["dead_expired_total"] == 1


async def test_dead_record_outlives_its_entry(
    bounded: Opener, raw_redis: redis.asyncio.Redis
) -> None:
    """Redis does not remove a dead letter by itself before it could be counted."""
    queue = bounded(dead_ttl_ms=60_000)
    await _settle(queue, 1, Dead("enough"))

    assert await raw_redis.pttl(queue.key("t:0")) > 60_000


async def test_unsettled_tasks_never_expire(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A task that waits has no time to live, after its requeueing neither."""
    await scripted.register("worker")
    await _settle(scripted, 1, Dead("enough"))
    await scripted.operations.requeue(TaskId("0"))
    await scripted.submit("queued", a_task())
    await scripted.submit("scheduled", a_task(), delay_ms=60_000)

    assert [await raw_redis.pttl(scripted.key(f"t:{i}")) for i in ("0", "queued", "scheduled")] == [
        -1, -1, -1,
    ]  # fmt: skip


async def test_cancelled_task_leaves_a_compact_record(scripted: ScriptedQueue) -> None:
    """A task cancelled while it waits leaves neither body nor headers."""
    await scripted.submit("1", SECRET)
    await scripted.operations.cancel(TaskId("1"))
    record = await scripted.reader.record("1")

    assert (record.state, record.task()) == (State.CANCELLED, SECRET.compact())


@pytest.mark.parametrize("dies", [False, True], ids=["settled", "worker died"])
async def test_task_cancelled_while_active_leaves_a_compact_record(
    dies: bool, scripted: ScriptedQueue
) -> None:
    """A task cancelled during its attempt leaves neither body nor headers, however that ended."""
    await scripted.register("worker")
    await scripted.submit("1", SECRET)
    (claim,) = await scripted.claim("worker")
    await scripted.operations.cancel(TaskId("1"))
    if dies:
        await scripted.expire("worker")
        await scripted.reap()
    else:
        await scripted.settle(claim, RetryAt(now_ms()), an_attempt(Outcome.TIMEOUT))
    record = await scripted.reader.record("1")

    assert (record.state, record.task()) == (State.CANCELLED, SECRET.compact())
    assert (record.last_attempt() is None) == dies
    await scripted.inspector.check()


async def test_task_past_its_deadline_is_a_dead_letter_with_its_last_error(
    scripted: ScriptedQueue,
) -> None:
    """The last failure is in the record: the operator need not guess."""
    await scripted.register("worker")
    await scripted.submit("1", SECRET)
    (claim,) = await scripted.claim("worker")
    last = an_attempt(Outcome.TIMEOUT, number=7, error="no answer within 30 s")
    await scripted.settle(claim, Dead("deadline passed"), last)
    page = await scripted.reader.list(State.DEAD)

    assert [(task.id, task.last_attempt) for task in page.tasks] == [("1", last)]
    assert (await scripted.reader.count("a")).dead == 1


async def test_unreadable_task_becomes_a_dead_letter_in_full(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A record that this release cannot read is kept, byte for byte, among the dead letters."""
    await scripted.register("worker")
    await scripted.submit("1", SECRET)
    foreign = b"x" * 100
    await raw_redis.set(scripted.key("t:1"), foreign)
    (claim,) = await scripted.claim("worker")
    attempt = an_attempt(Outcome.UNREADABLE, error=claim.unreadable)
    await scripted.settle(claim, Dead("unreadable"), attempt)
    record = await scripted.reader.record("1")

    assert claim.task is None
    assert (record.state, record.payload) == (State.DEAD, foreign)
    await scripted.inspector.check()


async def test_foreign_thing_among_due_tasks_holds_no_other_back(
    scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Something else at a scheduled task's key is claimed as unreadable, the others as tasks."""
    await scripted.register("worker")
    for task_id in ("1", "2"):
        await scripted.submit(task_id, a_task(), delay_ms=60_000)
        await scripted.make_due(task_id, a_task().lane)
    await raw_redis.delete(scripted.key("t:1"))
    await reply(raw_redis.rpush(scripted.key("t:1"), "foreign"))
    claims = await scripted.claim("worker")

    assert {claim.task_id: claim.task is None for claim in claims} == {"1": True, "2": False}
