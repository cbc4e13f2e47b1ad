"""What a worker counts of its attempts."""

from __future__ import annotations

import pytest

from queue_common.queue import Claim
from queue_common.task import Attempt, Outcome, State, Task, TaskId
from queue_testing.tasks import a_task, an_attempt, now_ms
from queue_worker.metrics import WorkerMetrics


def a_claim(task: Task | None, waiting_since_ms: int) -> Claim:
    return Claim(
        TaskId("x"), "x.test:80", "lease", 1, 0, waiting_since_ms, task, None, None, False, b"",
        None, 0,
    )  # fmt: skip


def attempted(
    attempt: Attempt, claim: Claim | None = None, *, state: State = State.DELIVERED
) -> Counts:
    counts = Counts()
    claim = claim or a_claim(a_task(), now_ms())
    counts.metrics.attempted(claim, attempt, state=state, seconds=0.25)
    return counts


class Counts:
    """One worker's counts."""

    def __init__(self) -> None:
        self.metrics = WorkerMetrics("tasks")

    def __call__(self, sample: str, **labels: str) -> float | None:
        read = self.metrics.registry.get_sample_value
        queue = "messaging_destination_name" if sample.startswith("messaging") else "queue"
        return read(sample, labels if sample.startswith("http") else {queue: "tasks", **labels})


@pytest.mark.parametrize("outcome", [Outcome.EXPIRED, Outcome.UNREADABLE, Outcome.EGRESS_REFUSED])
def test_no_request_has_no_duration(outcome: Outcome) -> None:
    """An attempt that made no request counts by its outcome, and not among requests."""
    counts = attempted(an_attempt(outcome))

    assert counts("queue_attempts_total", outcome=outcome) == 1
    names = {f.name for f in counts.metrics.registry.collect() if f.samples}
    assert "http_client_request_duration_seconds" not in names
    assert counts("queue_egress_refusals_total") == (outcome is Outcome.EGRESS_REFUSED)
    assert counts("messaging_process_duration_seconds_sum", error_type=outcome) == 0.25


def test_a_request_without_a_response_has_its_outcome_as_error() -> None:
    """A request that got no status counts under what it came to."""
    counts = attempted(an_attempt(Outcome.TIMEOUT), state=State.SCHEDULED)

    labels = {"http_request_method": "POST", "http_response_status_code": ""}
    name = "http_client_request_duration_seconds_sum"
    assert counts(name, **labels, error_type="timeout") == 0.0015
    assert counts("queue_retries_total") == 1


@pytest.mark.parametrize(
    ("status", "told"), [(404, "404"), (299, "200"), (499, "400"), (599, "500"), (399, "300")]
)
def test_a_made_up_status_counts_as_its_class(status: int, told: str) -> None:
    """A status without a name counts as the first of its class: their number is bounded."""
    outcome = Outcome.DELIVERED if status < 300 else Outcome.HTTP_ERROR
    counts = attempted(Attempt(1, now_ms(), 1.0, outcome, status))

    labels = {"http_request_method": "POST", "http_response_status_code": told}
    error = "" if status < 300 else told
    assert counts("http_client_request_duration_seconds_count", **labels, error_type=error) == 1


def test_the_start_delay_is_from_due_to_start() -> None:
    """The delay is from the time the task was due to the attempt's beginning, never below 0."""
    attempt = Attempt(1, 10_000, 1.0, Outcome.DELIVERED, 200)
    late = attempted(attempt, a_claim(a_task(), 8_500))
    early = attempted(attempt, a_claim(a_task(), 10_002))

    assert late("queue_start_delay_seconds_sum") == 1.5
    assert early("queue_start_delay_seconds_sum") == 0
    assert early("queue_start_delay_seconds_count") == 1


def test_an_unreadable_record_has_no_start_delay() -> None:
    """Where nothing can be read of a task nobody knows since when it was due."""
    counts = attempted(an_attempt(Outcome.UNREADABLE), a_claim(None, 0))

    assert counts("queue_start_delay_seconds_count") == 0


def test_no_retry_is_counted_that_is_none() -> None:
    """A failed attempt whose task went another way is an attempt, and no retry."""
    counts = attempted(an_attempt(Outcome.HTTP_ERROR), state=State.DEAD)

    assert counts("queue_attempts_total", outcome="http_error") == 1
    assert counts("queue_retries_total") == 0
