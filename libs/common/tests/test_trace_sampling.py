"""Which traces are recorded, with a clock that is moved."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from queue_common.tracing.context import new_trace_id
from queue_common.tracing.sampling import SdkSampler, TraceSampler
from queue_common.tracing.settings import TraceSettings
from queue_testing.tasks import a_context


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sampler(clock: Clock | None = None, **settings: Any) -> TraceSampler:  # noqa: ANN401 - settings
    return TraceSampler(TraceSettings(**settings), clock or Clock())


def sampled(sampler: TraceSampler, count: int, parent_flags: int | None = None) -> int:
    return sum(sampler.samples(new_trace_id(), parent_flags) for _ in range(count))


def test_every_trace_is_recorded_while_traffic_is_low() -> None:
    """Up to TRACE_RATE_LIMIT traces a second are all recorded, second after second."""
    clock = Clock()
    limited = sampler(clock, trace_rate_limit=50)
    recorded = 0
    for _ in range(10):
        recorded += sampled(limited, 50)
        clock.now += 1

    assert recorded == 500


def test_no_more_than_the_limit_are_recorded_in_a_second() -> None:
    """Of a thousand traces a second fifty are recorded, and fifty again in the next."""
    clock = Clock()
    limited = sampler(clock, trace_rate_limit=50)
    recorded = []
    for _ in range(3):
        recorded.append(sampled(limited, 1000))
        clock.now += 1

    assert recorded == [50, 50, 50]


def test_a_limit_of_zero_records_none() -> None:
    """TRACE_RATE_LIMIT=0 begins to record no trace, and still follows a client's decision."""
    limited = sampler(trace_rate_limit=0)

    assert (sampled(limited, 10), sampled(limited, 10, 1)) == (0, 10)


def test_the_parents_decision_goes_first() -> None:
    """What the client has decided holds, beyond the limit and below it, and does not use it up."""
    limited = sampler(trace_rate_limit=5)

    assert sampled(limited, 100, parent_flags=1) == 100
    assert sampled(limited, 100, parent_flags=0) == 0
    assert sampled(limited, 100) == 5


@pytest.mark.parametrize(
    ("name", "alone", "under_sampled", "under_unsampled"),
    [
        ("always_on", 100, 100, 100), ("always_off", 0, 0, 0),
        ("parentbased_always_on", 100, 100, 0), ("parentbased_always_off", 0, 100, 0),
    ],
)  # fmt: skip
def test_the_standard_variables_win(
    name: str, alone: int, under_sampled: int, under_unsampled: int
) -> None:
    """OTEL_TRACES_SAMPLER takes the place of the limit, each name with its standard meaning."""
    chosen = sampler(otel_traces_sampler=name, trace_rate_limit=7)

    assert sampled(chosen, 100) == alone
    assert sampled(chosen, 100, 1) == under_sampled
    assert sampled(chosen, 100, 0) == under_unsampled


def test_a_ratio_is_of_the_traces_and_the_same_everywhere() -> None:
    """Traceidratio records the part asked for, and two processes the same traces."""
    one, other = (
        sampler(otel_traces_sampler="traceidratio", otel_traces_sampler_arg=0.25) for _ in "12"
    )
    ids = [f"{n << 50:032x}" for n in range(1 << 14)]
    kept = [i for i in ids if one.samples(i, None)]

    assert len(kept) == len(ids) // 4
    assert kept == [i for i in ids if other.samples(i, None)]


@pytest.mark.parametrize(("flags", "recorded"), [(1, True), (0, False)])
def test_spans_of_instrumentations_follow_the_same_decision(flags: int, recorded: bool) -> None:
    """A span that OpenTelemetry's own instrumentation makes is recorded as ours would be."""
    provider = TracerProvider(sampler=SdkSampler(sampler()), shutdown_on_exit=False)
    context = TraceContextTextMapPropagator().extract(a_context(flags).headers())

    span = provider.get_tracer("test").start_span("GET", context)

    assert span.is_recording() is recorded
    assert get_current_span(set_span_in_context(span)) is span


def test_roots_of_instrumentations_share_the_limit() -> None:
    """Traces that an instrumentation begins count against the same limit."""
    provider = TracerProvider(
        sampler=SdkSampler(sampler(trace_rate_limit=3)), shutdown_on_exit=False
    )
    tracer = provider.get_tracer("test")

    assert sum(tracer.start_span("GET").is_recording() for _ in range(10)) == 3
