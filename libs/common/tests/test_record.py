"""The record: one string in Redis, written and read alike by Python and Lua."""

from __future__ import annotations

import pytest

from queue_common.errors import UnreadableRecordError
from queue_common.queue.storage.codes import STATES
from queue_common.queue.storage.record import Record, immutable_part, pack_attempt
from queue_common.task import Outcome, State
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt

TASK = a_task(lane="straße.test:80", body=b"\x00binary\xff")
MOVING = b"a" + (1234567890123).to_bytes(8, "big") + bytes([0, 0, 1, 2, 0, 3]) + b"x"
RAW = MOVING + immutable_part(TASK.lane, TASK.encode(), TASK.digest())


def test_every_field_comes_back() -> None:
    """A record is read as it was written, each field from its place."""
    record = Record.unpack(RAW + pack_attempt(an_attempt(Outcome.TIMEOUT, number=7)))
    attempt = record.last_attempt()

    assert (record.state, record.at_ms) == (State.ACTIVE, 1234567890123)
    assert (record.attempts, record.interrupted, record.cancel_requested) == (258, 3, True)
    assert (record.lane, record.task(), record.digest) == (TASK.lane, TASK, TASK.digest())
    assert attempt is not None
    assert (attempt.number, attempt.outcome) == (7, Outcome.TIMEOUT)


def test_tail_begins_behind_the_payload() -> None:
    """``last_attempt_at`` counts bytes, not characters: a settlement writes the tail there."""
    assert Record.unpack(RAW).last_attempt_at == len(RAW)


@pytest.mark.parametrize("code", sorted(STATES))
def test_each_state_has_its_letter(code: bytes) -> None:
    """All states can be read."""
    assert Record.unpack(code + RAW[1:]).state is STATES[code]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"foreign",
        RAW[:30],
        b"?" + RAW[1:],
        RAW[:16] + b"R" + RAW[17:],
        RAW[:31] + b"\xff" + RAW[32:],
    ],
    ids=["empty", "foreign", "cut in the header", "unknown state", "magic", "lane not UTF-8"],
)
def test_foreign_record_is_unreadable(raw: bytes) -> None:
    """What is not one of our records raises UnreadableRecordError and nothing else."""
    with pytest.raises(UnreadableRecordError, match="not one of ours"):
        Record.unpack(raw)


@pytest.mark.parametrize(
    "tail", [b"", b"\x00", b"\x00\x05", b"\x00\x03\xc1\xc1\xc1"], ids=["none", "1", "2", "garbage"]
)
def test_unreadable_tail_hides_nothing_else(tail: bytes) -> None:
    """A task whose last attempt cannot be read is read without it."""
    record = Record.unpack(RAW + tail)

    assert record.last_attempt() is None
    assert record.task() == TASK


@pytest.mark.parametrize(
    "error", ["x" * 200_000, "ü" * 200_000, "\udcff lone surrogate"], ids=["long", "wide", "broken"]
)
def test_any_text_of_an_attempt_can_be_kept(error: str) -> None:
    """An error too long or not encodable is kept in part: it must not keep a task from settling."""
    tail = pack_attempt(an_attempt(Outcome.WORKER_ERROR, error=error))
    attempt = Record.unpack(RAW + tail).last_attempt()

    assert attempt is not None
    assert attempt.error is not None
    assert 0 < len(attempt.error) <= 4096


async def test_scripts_write_what_python_reads(scripted: ScriptedQueue) -> None:
    """The scripts' layout is Record's: a task goes through its life and stays readable."""
    await scripted.register("worker")
    await scripted.submit("1", TASK)
    queued = await scripted.reader.record("1")
    (claim,) = await scripted.claim("worker")
    active = await scripted.reader.record("1")
    await scripted.release(claim)
    again = await scripted.reader.record("1")

    assert [r.state for r in (queued, active, again)] == [
        State.QUEUED, State.ACTIVE, State.QUEUED,
    ]  # fmt: skip
    assert all(r.task() == TASK and r.lane == TASK.lane for r in (queued, active, again))
    # A released task has waited since it was submitted. `active.at_ms` is not compared: it is
    # Redis' time, but a submission carries the sender's, rounded to the nearest millisecond.
    assert queued.at_ms == again.at_ms
