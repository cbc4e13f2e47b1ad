"""The retry policy: what an attempt leads to."""

from __future__ import annotations

import msgspec
import pytest

from queue_common.options import Rerun, Retry, TaskOptions
from queue_common.retry import Dead, Done, RetryAt, RetryPolicy, deadline_of, decide
from queue_common.task import Attempt, Outcome, Task
from queue_testing.tasks import a_task

POLICY = RetryPolicy()
T0 = 1_767_225_600_000
DAY = 24 * 3600 * 1000
TASK = msgspec.structs.replace(a_task(), accepted_at_ms=T0)
FINAL = {Outcome.EGRESS_REFUSED, Outcome.EXPIRED, Outcome.UNREADABLE, Outcome.POISON}


def _failed(number: int = 1, *, retry_after_ms: int | None = None) -> Attempt:
    return Attempt(
        number, T0, 5.0, Outcome.HTTP_ERROR, 503, error="503", retry_after_ms=retry_after_ms
    )


def test_delivered_is_done() -> None:
    """A 2xx ends the task, even after its deadline."""
    attempt = Attempt(1, T0, 5.0, Outcome.DELIVERED, 200)

    assert decide(attempt, TASK, POLICY, T0 + 2 * DAY) == Done()


def test_failing_task_is_tried_every_ten_seconds() -> None:
    """With attempts that take no time the first ones are made at 0, 10, 20, 30 and 40 s."""
    now, made = T0, []
    for number in range(1, 6):
        made.append((now - T0) // 1000)
        decision = decide(_failed(number), TASK, POLICY, now)
        assert isinstance(decision, RetryAt)
        now = decision.due_at_ms

    assert made == [0, 10, 20, 30, 40]


def test_interval_counts_from_the_attempts_end() -> None:
    """A slow attempt is followed by a whole interval of rest."""
    assert decide(_failed(), TASK, POLICY, T0 + 30_000) == RetryAt(T0 + 40_000)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in FINAL | {Outcome.DELIVERED}])
def test_every_other_outcome_is_tried_again(outcome: Outcome) -> None:
    """Whatever failed may work next time, client errors included."""
    attempt = Attempt(1, T0, 5.0, outcome, error="failed")

    assert decide(attempt, TASK, POLICY, T0) == RetryAt(T0 + 10_000)


@pytest.mark.parametrize("outcome", sorted(FINAL))
def test_final_outcomes_are_dead_at_once(outcome: Outcome) -> None:
    """What no repetition can mend is not repeated, and keeps its reason."""
    told = Attempt(1, T0, 0.0, outcome, error="the reason")
    untold = Attempt(1, T0, 0.0, outcome)

    assert decide(told, TASK, POLICY, T0) == Dead("the reason")
    assert decide(untold, TASK, POLICY, T0) == Dead(str(outcome))


def test_last_attempt_may_be_due_at_the_deadline() -> None:
    """An attempt due exactly at the deadline is made."""
    assert decide(_failed(), TASK, POLICY, T0 + DAY - 10_000) == RetryAt(T0 + DAY)


def test_no_attempt_is_due_after_the_deadline() -> None:
    """A millisecond later the task is dead, and says after how many attempts and of what."""
    decision = decide(_failed(8640), TASK, POLICY, T0 + DAY - 9_999)

    assert decision == Dead("deadline passed after 8640 attempts; last: 503")


def test_retry_after_takes_the_place_of_the_interval() -> None:
    """The destination's wish is honoured, be it longer or shorter."""
    assert decide(_failed(retry_after_ms=60_000), TASK, POLICY, T0) == RetryAt(T0 + 60_000)
    assert decide(_failed(retry_after_ms=0), TASK, POLICY, T0) == RetryAt(T0)


def test_retry_after_beyond_the_deadline_is_not_honoured() -> None:
    """A wish that would end the task does not: it is tried at its own interval."""
    assert decide(_failed(retry_after_ms=DAY + 1), TASK, POLICY, T0) == RetryAt(T0 + 10_000)
    assert decide(_failed(retry_after_ms=DAY), TASK, POLICY, T0) == RetryAt(T0 + DAY)


def test_tasks_may_have_a_policy_of_their_own() -> None:
    """Interval and deadline of a task go before the worker's."""
    task = msgspec.structs.replace(TASK, retry_interval_ms=1000, retry_deadline_ms=5000)

    assert decide(_failed(), task, POLICY, T0 + 4000) == RetryAt(T0 + 5000)
    assert isinstance(decide(_failed(), task, POLICY, T0 + 4001), Dead)
    assert deadline_of(task, POLICY) == T0 + 5000


def _with(retry: Retry) -> Task:
    return msgspec.structs.replace(TASK, options=TaskOptions(retry=retry))


def _waits(retry: Retry, attempts: int) -> list[float | str]:
    """Return the waits after failed attempts in seconds; the reason where there is none."""
    waits: list[float | str] = []
    for number in range(1, attempts + 1):
        decision = decide(_failed(number), _with(retry), POLICY, T0, seed="id")
        if isinstance(decision, RetryAt):
            waits.append((decision.due_at_ms - T0) / 1000)
        else:
            assert isinstance(decision, Dead)
            waits.append(decision.reason)
    return waits


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        (Retry(), [10, 10, 10, 10]),
        (Retry(interval_ms=500), [0.5, 0.5, 0.5, 0.5]),
        (Retry("linear", 2000), [2, 4, 6, 8]),
        (Retry("linear", 2000, 5000), [2, 4, 5, 5]),
        (Retry("exponential", 1000), [1, 2, 4, 8]),
        (Retry("exponential", 1000, 50_000, 10.0), [1, 10, 50, 50]),
        (Retry("schedule", delays_ms=(5000, 1000)), [5, 1, "all 2 delays are used; last: 503"]),
        (Retry(max_attempts=2), [10, "all of max_attempts=2 are made; last: 503"]),
    ],
)
def test_a_task_is_tried_as_its_own_policy_says(retry: Retry, waits: list[float | str]) -> None:
    """Each strategy has its waits, and ends where it says."""
    assert _waits(retry, len(waits)) == waits


@pytest.mark.parametrize(
    ("retry", "days"),
    [
        (None, 1),
        (Retry(interval_ms=1000), 1),
        (Retry(max_attempts=3), 30),
        (Retry("schedule", delays_ms=(1000,)), 30),
    ],
)
def test_a_policy_that_counts_is_not_cut_by_the_default_deadline(
    retry: Retry | None, days: int
) -> None:
    """Without a deadline of its own, its attempts are made within the longest there is."""
    task = TASK if retry is None else _with(retry)

    assert deadline_of(task, POLICY) == T0 + days * DAY


@pytest.mark.parametrize("retry", [Retry(max_attempts=3), Retry("schedule", delays_ms=(10, 10))])
def test_a_dead_letter_that_is_run_begins_its_policy_anew(retry: Retry) -> None:
    """As many attempts are made as before; their numbers go on."""
    task = msgspec.structs.replace(_with(retry), rerun=Rerun(None, 3))
    decisions = [decide(_failed(number), task, POLICY, T0) for number in (4, 5, 6)]

    assert [type(decision) for decision in decisions] == [RetryAt, RetryAt, Dead]


def test_growing_waits_have_an_end() -> None:
    """An exponential policy without a limit is dead at its deadline, not in error."""
    (wait,) = _waits(Retry("exponential", 1000, max_interval_ms=9000), 1)
    task = _with(Retry("exponential", 1000))

    assert wait == 1
    assert isinstance(decide(_failed(5000), task, POLICY, T0), Dead)


def test_jitter_shortens_waits_and_never_prolongs_them() -> None:
    """Waits with jitter spread over the part it names; the same attempt has the same wait."""
    task = _with(Retry(interval_ms=100_000, jitter=0.5))
    due = [decide(_failed(1), task, POLICY, T0, seed=f"id {i}") for i in range(300)]
    waits = [d.due_at_ms - T0 for d in due if isinstance(d, RetryAt)]

    assert len(waits) == 300
    assert 50_000 <= min(waits) < 55_000
    assert 95_000 < max(waits) <= 100_000
    assert decide(_failed(1), task, POLICY, T0, seed="id 0") == due[0]


@pytest.mark.parametrize(
    ("on", "attempt", "retried"),
    [
        ((5,), Attempt(1, T0, 5.0, Outcome.HTTP_ERROR, 503), True),
        ((5,), Attempt(1, T0, 5.0, Outcome.HTTP_ERROR, 404), False),
        ((404,), Attempt(1, T0, 5.0, Outcome.HTTP_ERROR, 404), True),
        ((5,), Attempt(1, T0, 5.0, Outcome.TIMEOUT), False),
        (("timeout",), Attempt(1, T0, 5.0, Outcome.TIMEOUT), True),
        ((5,), Attempt(1, T0, 5.0, Outcome.DNS_ERROR), False),
        (("connection",), Attempt(1, T0, 5.0, Outcome.TLS_ERROR), True),
        ((), Attempt(1, T0, 5.0, Outcome.WORKER_ERROR), True),
    ],
)
def test_only_named_failures_are_tried_again(
    on: tuple[int | str, ...], attempt: Attempt, retried: bool
) -> None:
    """``on`` names what is tried again; a fault of our own always is."""
    decision = decide(attempt, _with(Retry(on=on)), POLICY, T0)

    assert isinstance(decision, RetryAt) is retried


@pytest.mark.parametrize("status", [410, 489])
def test_a_destination_can_end_its_retries(status: int) -> None:
    """410 and 489 mean that no further attempt is wanted, whatever the policy."""
    attempt = Attempt(1, T0, 5.0, Outcome.HTTP_ERROR, status, error=f"answered {status}")

    for task in (TASK, _with(Retry(on=(4,)))):
        decision = decide(attempt, task, POLICY, T0)
        assert isinstance(decision, Dead)
        assert str(status) in decision.reason
