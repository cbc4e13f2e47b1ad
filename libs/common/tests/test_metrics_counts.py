"""Counters and histograms of our own: the same figures as prometheus_client's."""

from __future__ import annotations

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from queue_common.telemetry.metrics_counts import Counter, Histogram
from queue_common.telemetry.metrics_table import ATTEMPTS, PROCESS_DURATION

VALUES = st.one_of(
    st.sampled_from(PROCESS_DURATION.buckets), st.floats(0, 100, allow_nan=False)
)  # a bucket's own bound among them
LABELS = st.sampled_from(["delivered", "timeout", 'a "quoted" one'])


def text(registry: CollectorRegistry) -> list[str]:
    """Return a page's lines, without those that tell when a series was made."""
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(observed=st.lists(st.tuples(LABELS, VALUES)))
def test_a_histogram_is_as_prometheus_has_it(observed: list[tuple[str, float]]) -> None:
    """The same observations make the same lines, a value on a bucket's bound among them."""
    metric = PROCESS_DURATION
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram(metric)
    ours.register(histogram)
    expected = prometheus_client.Histogram(
        metric.prometheus_name, metric.description, metric.labels,
        buckets=metric.buckets, registry=theirs,
    )  # fmt: skip
    for error, value in observed:
        histogram.labels("tasks", error).observe(value)
        expected.labels("tasks", error).observe(value)

    assert text(ours) == text(theirs)


@given(counted=st.lists(st.tuples(LABELS, st.integers(0, 1000))))
def test_a_counter_is_as_prometheus_has_it(counted: list[tuple[str, int]]) -> None:
    """The same counts make the same lines, those that are still 0 among them."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counter = Counter(ATTEMPTS)
    ours.register(counter)
    expected = prometheus_client.Counter(
        ATTEMPTS.prometheus_name, ATTEMPTS.description, ATTEMPTS.labels, registry=theirs
    )
    for outcome, by in counted:
        counter.labels("tasks", outcome).inc(by)
        expected.labels("tasks", outcome).inc(by)

    assert text(ours) == text(theirs)
