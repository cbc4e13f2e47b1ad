"""A task that fails for a day: which attempts are seen. No clock is waited for."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from queue_common.queue.storage.record import Record, immutable_part, pack_attempt
from queue_common.task import Attempt, Outcome
from queue_common.tracing.retention import decide
from queue_testing.tasks import a_task

A_DAY = 8640
"""Attempts, one every 10 s."""


def stored(attempt: Attempt) -> Attempt:
    """Return the attempt as the next claim finds it in the record."""
    task = a_task()
    moving = b"s" + bytes(14) + b"-"
    raw = moving + immutable_part(task.lane, task.encode(), bytes(8)) + pack_attempt(attempt)
    found = Record.unpack(raw).last_attempt()
    assert found is not None
    return found


def failing(number: int, status: int = 500) -> Attempt:
    return Attempt(number, number * 10_000, 1.0, Outcome.HTTP_ERROR, status)


def a_days_spans(
    status_of: Callable[[int], int] = lambda _: 500, attempts: int = A_DAY
) -> dict[int, int]:
    """Return the attempts kept of a day's, each with how many it stands for."""
    kept: dict[int, int] = {}
    last = None
    for number in range(1, attempts + 1):
        stands_for, attempt = decide(
            failing(number, status_of(number)), last, settles=number == attempts
        )
        if stands_for:
            kept[number] = stands_for
        last = stored(attempt) if number % 100 == 0 else attempt
    return kept


def test_a_day_of_failures_is_at_most_sixty_spans() -> None:
    """8,640 failing attempts are the first ten, then ever rarer ones, and the last."""
    kept = a_days_spans()

    assert len(kept) <= 60
    assert list(kept)[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 23]
    assert list(kept)[-1] == A_DAY
    distances = [b - a for a, b in zip(list(kept)[9:-2], list(kept)[10:-1], strict=True)]
    assert distances == sorted(distances)


@pytest.mark.parametrize(
    "status_of",
    [
        lambda _: 500,
        lambda number: 500 + number % 2,
        lambda number: 500 + number % 7,
        lambda number: 500 + number // 100 % 3,
    ],
    ids=["the same", "flapping", "many answers", "a change every 100"],
)
def test_each_attempt_is_counted_once(status_of: Callable[[int], int]) -> None:
    """Whatever is kept, at most sixty are, and together they stand for all attempts."""
    kept = a_days_spans(status_of)

    assert len(kept) <= 60
    assert sum(kept.values()) == A_DAY


def test_a_change_of_outcome_is_kept() -> None:
    """An attempt with another outcome than the one before is recorded."""
    kept = a_days_spans(lambda number: 503 if 1000 <= number < 1003 else 500)

    assert {1000, 1003} <= set(kept)
    assert not {1001, 1002} & set(kept)


def test_a_change_between_kinds_of_failure_is_kept() -> None:
    """A timeout after refusals is a change, though neither has a status."""
    last = Attempt(40, 0, 1.0, Outcome.CONNECT_ERROR, left_out=6)

    assert decide(Attempt(41, 0, 1.0, Outcome.TIMEOUT), last, settles=False).stands_for == 7


def test_the_last_is_kept_with_what_it_stands_for() -> None:
    """The attempt that settles the task is kept, with the number of those before it."""
    last = failing(6999)
    last = msgspec.structs.replace(last, left_out=430)

    assert decide(failing(7000), last, settles=True).stands_for == 431


def test_a_longer_life_stays_readable_too() -> None:
    """A day of attempts every second, flapping, is not much more than every ten seconds."""
    assert len(a_days_spans(lambda number: 500 + number % 2, attempts=86_400)) <= 70


def test_a_record_of_the_release_before_is_gone_on_from() -> None:
    """A task in the middle of its day when the release changes is thinned from there."""
    fields = msgspec.msgpack.decode(msgspec.msgpack.encode(failing(500)))
    before = msgspec.msgpack.decode(msgspec.msgpack.encode(fields[:-2]), type=Attempt)

    assert decide(failing(501), before, settles=False).stands_for == 0
    assert decide(failing(501), before, settles=True).stands_for == 1
