"""A record holds the last attempts of its task, and a delivered task stays in full for a while."""

from __future__ import annotations

import msgspec
import pytest
import redis.asyncio

from queue_common.queue import TaskQueue
from queue_common.queue.full_results import FullResults
from queue_common.queue.storage.record import (
    MAX_ATTEMPTS,
    MAX_HISTORY_BYTES,
    pack_attempt,
    unpack_attempts,
)
from queue_common.retry import Dead, Done, RetryAt
from queue_common.task import Attempt, Outcome, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt, now_ms

ONE = TaskId("1")
PHASES = (120, 800, 2400, 15_000)


def _full(number: int, outcome: Outcome = Outcome.HTTP_ERROR) -> Attempt:
    return msgspec.structs.replace(
        an_attempt(outcome, number=number, error="answered 500"),
        response_excerpt="x" * 1000,
        phases_us=PHASES,
        address="203.0.113.7:443",
        worker="queue-worker-5d8f9c-x2x4z:1",
        response_headers={"Content-Type": "text/plain", "Server": "s" * 200},
    )


async def _attempts(queue: ScriptedQueue) -> list[Attempt]:
    return unpack_attempts((await queue.reader.get_task(ONE)).packed_attempts)


async def _fail(queue: ScriptedQueue, times: int, *, begin: int = 1) -> None:
    for number in range(begin, begin + times):
        (claim,) = await queue.claim("worker", 1)
        assert claim.attempt == number
        await queue.settle(claim, RetryAt(now_ms() + 3_600_000), _full(number))
        await queue.operations.run_now(ONE)


async def test_the_last_twenty_attempts_are_kept(scripted: ScriptedQueue) -> None:
    """After 25 failures the last 20 are there in their order, the last one with its response."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task())
    await _fail(scripted, 25)
    kept = await _attempts(scripted)

    assert [attempt.number for attempt in kept] == list(range(6, 26))
    assert {attempt.phases_us for attempt in kept} == {PHASES}
    assert {attempt.address for attempt in kept} == {"203.0.113.7:443"}
    assert all(attempt.next_at_ms for attempt in kept)
    assert kept[-1].response_headers is not None
    assert kept[-1].response_excerpt == "x" * 1000
    await scripted.inspector.check()


def _packed(excerpts: list[str | None]) -> bytes:
    packed = b""
    for number, excerpt in enumerate(excerpts, 1):
        attempt = _full(number) if excerpt else an_attempt(Outcome.TIMEOUT, number=number)
        packed = pack_attempt(msgspec.structs.replace(attempt, response_excerpt=excerpt), packed)
    return packed


@pytest.mark.parametrize(
    "excerpts",
    [
        ["out of order"] * 5,
        ["one", "one", None, "two", "two", None],
        [None, "one", "two", "one", "one"],
    ],
)
def test_each_attempt_has_its_response(excerpts: list[str | None]) -> None:
    """What a destination answered stays with each attempt, whether it repeats itself or not."""
    kept = unpack_attempts(_packed(excerpts))

    assert [attempt.response_excerpt for attempt in kept] == excerpts
    assert not any(attempt.repeats for attempt in kept)


def test_responses_of_earlier_attempts_are_bounded() -> None:
    """Long responses stay while there is room, the newest ones; all else of attempts stays."""
    packed = _packed([f"{number} " + "x" * 900 for number in range(30)])
    kept = unpack_attempts(packed)

    assert [attempt.number for attempt in kept] == list(range(11, 31))
    assert [attempt.number for attempt in kept if attempt.response_excerpt] == [28, 29, 30]
    assert len(packed) < MAX_HISTORY_BYTES + 19 * 150 + 2000


async def test_an_attempt_costs_less_than_150_bytes(scripted: ScriptedQueue) -> None:
    """Each further attempt makes a record at most 150 bytes longer."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task())
    await _fail(scripted, 2)
    before = (await scripted.reader.get_task(ONE)).size
    await _fail(scripted, 10, begin=3)
    after = (await scripted.reader.get_task(ONE)).size

    assert 0 < after - before <= 10 * 150


@pytest.mark.parametrize("last", [Done(), Dead("enough")])
async def test_history_stays_with_a_settled_task(
    last: Done | Dead, scripted: ScriptedQueue
) -> None:
    """A task that is delivered or dead still shows the attempts before."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task())
    await _fail(scripted, 3)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.settle(claim, last, _full(4))

    assert [attempt.number for attempt in await _attempts(scripted)] == [1, 2, 3, 4]


async def test_poison_keeps_the_attempts_before(scripted: ScriptedQueue) -> None:
    """A task under which workers died shows what came of its attempts before."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task())
    await _fail(scripted, 2)
    for number in range(3):
        await scripted.register(f"dying-{number}")
        await scripted.claim(f"dying-{number}", 1)
        await scripted.expire(f"dying-{number}")
        await scripted.reap()
    kept = await _attempts(scripted)

    assert [attempt.outcome for attempt in kept] == [
        Outcome.HTTP_ERROR, Outcome.HTTP_ERROR, Outcome.POISON,
    ]  # fmt: skip


async def test_without_history_only_the_last_attempt_is_kept(scripted: ScriptedQueue) -> None:
    """Attempts of a worker that keeps no history replace those before."""
    await scripted.register("worker")
    await scripted.submit(ONE, a_task())
    await _fail(scripted, 3)
    (claim,) = await scripted.claim("worker", 1)
    await scripted.settle(claim, Dead("x"), an_attempt(Outcome.TIMEOUT, number=4, error="slow"))

    assert [attempt.number for attempt in await _attempts(scripted)][-1] == 4


def test_what_the_release_before_left_behind_is_no_attempt() -> None:
    """Bytes of longer attempts behind a shorter one, written by an older release, are skipped."""
    packed = b""
    for number in range(1, 8):
        packed = pack_attempt(_full(number), packed)
    shorter = pack_attempt(an_attempt(number=8))
    for cut in range(len(shorter), len(packed) + 1):
        (last,) = unpack_attempts(shorter + packed[cut:])[-1:]
        assert last.number == 8
    assert len(unpack_attempts(packed)) == 7 < MAX_ATTEMPTS


@pytest.mark.parametrize("packed", [b"", b"\0", b"\0\0", b"\0\5abc", b"\xff\xff" * 10, b"\0\1\xc1"])
def test_any_bytes_are_read_without_error(packed: bytes) -> None:
    """Attempts that cannot be read are not there."""
    assert unpack_attempts(packed) == []


async def _deliver(queue: TaskQueue, task_id: str, *, in_full: bool) -> None:
    await queue.submit(TaskId(task_id), a_task(body=b"the body", headers={"X-A": "1"}))
    (claim,) = await queue.claim(1)
    attempt = _full(1, Outcome.DELIVERED)
    if not in_full:
        attempt = msgspec.structs.replace(attempt, response_headers=None)
    await queue.settle(claim, attempt, Done())


async def test_a_delivered_task_stays_in_full_for_a_while(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Its headers and body are there until RESULT_FULL_TTL; then its compact record remains."""
    await queue.start_consuming(worker_id="worker", concurrency=1)
    await _deliver(queue, "1", in_full=True)
    await _deliver(queue, "2", in_full=False)
    whole = await queue.reader.whole_task(ONE)
    ttl_ms = await raw_redis.pttl(f"{queue.keys.prefix}f:1")

    assert whole is not None
    assert (whole.body, whole.headers) == (b"the body", {"X-A": "1"})
    assert 0 < ttl_ms <= 60_000
    assert await queue.reader.whole_task(TaskId("2")) is None
    await raw_redis.delete(f"{queue.keys.prefix}f:1")
    assert await queue.reader.whole_task(ONE) is None
    assert (await queue.reader.get_task(ONE)).task is not None


async def test_a_waiting_task_is_whole(queue: TaskQueue) -> None:
    """What waits is kept with all that it was sent with; what never was has nothing."""
    task = a_task(body=b"the body")
    await queue.submit(ONE, task)

    assert await queue.reader.whole_task(ONE) == task
    assert await queue.reader.whole_task(TaskId("2")) is None


@pytest.fixture
def clock() -> list[float]:
    """A clock that a test sets."""
    return [0.0]


def _a_bucket(clock: list[float], max_bytes: int = 65_000) -> FullResults:
    return FullResults(60_000, max_bytes, lambda: clock[0])


def _taken(bucket: FullResults, clock: list[float], seconds: int, each_second: int) -> int:
    taken = 0
    for _ in range(seconds):
        clock[0] += 1
        taken += sum(1000 for _ in range(each_second) if bucket.take(1000))
    return taken


def test_what_is_kept_in_full_is_bounded(clock: list[float]) -> None:
    """However many tasks are delivered, within the time no more than the bound is kept."""
    bucket = _a_bucket(clock)

    assert 60_000 <= _taken(bucket, clock, 60, 1000) <= 66_000


@pytest.mark.parametrize(("workers", "most"), [(1, 66_000), (10, 8000), (0, 6000)])
def test_workers_share_the_bound(workers: int, most: int, clock: list[float]) -> None:
    """Each worker keeps its part; none keeps anything while Redis is short of memory."""
    bucket = _a_bucket(clock)
    bucket.share(workers)

    assert _taken(bucket, clock, 60, 100) <= most


@pytest.mark.parametrize(("ttl_ms", "max_bytes"), [(0, 1000), (60_000, 0)])
def test_nothing_is_kept_in_full_if_switched_off(ttl_ms: int, max_bytes: int) -> None:
    """No time or no bytes means that no delivered task is kept in full."""
    bucket = FullResults(ttl_ms, max_bytes)

    assert (bucket.has_room, bucket.take(1)) == (False, False)


def test_low_traffic_is_kept_in_full(clock: list[float]) -> None:
    """As long as tasks are few, each is kept."""
    bucket = _a_bucket(clock)
    assert _taken(bucket, clock, 60, 1) == 60_000
