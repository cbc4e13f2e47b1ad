"""Decides which traces are recorded: once per trace, where it begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

from .context import SAMPLED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from .settings import TraceSettings

__all__ = ["RateLimit", "SdkSampler", "TraceSampler"]


class RateLimit:
    """Passes the first ``max_per_second`` traces of each second."""

    def __init__(self, max_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_per_second = max_per_second
        self._clock = clock
        self._second = clock()
        self._passed = 0

    def passes(self, _trace_id: str, /) -> bool:
        """Return whether one more trace may be recorded now."""
        now = self._clock()
        if now - self._second >= 1:
            self._second = now
            self._passed = 0
        self._passed += 1
        return self._passed <= self._max_per_second


class _Ratio:
    """Passes a share of all traces, the same ones in every process (TraceIdRatioBased)."""

    def __init__(self, ratio: float) -> None:
        self._bound = round(ratio * (1 << 64))

    def passes(self, trace_id: str, /) -> bool:
        return int(trace_id[16:], 16) < self._bound


class TraceSampler:
    """Follows the parent's decision if there is one, else applies a rate or an OTEL_* sampler."""

    def __init__(
        self, settings: TraceSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        name = settings.otel_traces_sampler or "parentbased_rate"
        self._follows_parent = name.startswith("parentbased_")
        kind = name.removeprefix("parentbased_")
        self._passes: Callable[[str], bool]
        if kind == "rate":
            self._passes = RateLimit(settings.trace_rate_limit, clock).passes
        else:
            ratios = {"always_on": 1.0, "always_off": 0.0}
            self._passes = _Ratio(ratios.get(kind, settings.otel_traces_sampler_arg)).passes

    def samples(self, trace_id: str, parent_flags: int | None) -> bool:
        """Return whether the trace is recorded; ``parent_flags`` is None if it begins here."""
        if parent_flags is not None and self._follows_parent:
            return bool(parent_flags & SAMPLED)
        return self._passes(trace_id)


class SdkSampler(Sampler):
    """The same decision for the spans of OpenTelemetry's instrumentation."""

    def __init__(self, sampler: TraceSampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide."""
        parent = get_current_span(parent_context).get_span_context()
        flags = int(parent.trace_flags) if parent.is_valid else None
        sampled = self._sampler.samples(f"{trace_id:032x}", flags)
        decision = Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP
        return SamplingResult(decision, attributes if sampled else None, parent.trace_state)

    def get_description(self) -> str:
        """Return the sampler's name."""
        return "TraceSampler"
