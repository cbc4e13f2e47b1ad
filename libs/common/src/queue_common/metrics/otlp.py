"""Converts the metrics to OTLP, with OpenTelemetry's names, units and attributes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtelMetric

from .catalog import METRICS
from .metric import Kind, Metric, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from prometheus_client.core import Metric as Family
    from prometheus_client.samples import Sample

__all__ = ["metrics_data"]

_TABLE = {metric.prometheus_name.removesuffix("_total"): metric for metric in METRICS}
_NUMBERS = frozenset({"http.response.status_code"})
_BUCKET, _COUNT, _SUM = "_bucket", "_count", "_sum"
_CUMULATIVE = AggregationTemporality.CUMULATIVE


def metrics_data(
    families: Iterable[Family],
    resource: Resource,
    scope: InstrumentationScope,
    *,
    began_ns: int,
    now_ns: int,
) -> MetricsData:
    """Return the families in OTLP; ``began_ns`` is the start of the process."""
    metrics = [
        OtelMetric(metric.name, metric.description, metric.unit, data)
        for family in families
        for metric in [_TABLE[family.name]]
        for data in [_data(family, metric, began_ns, now_ns)]
        if data.data_points
    ]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, "")], "")])


def _data(family: Family, metric: Metric, began_ns: int, now_ns: int) -> Sum | Gauge | Histogram:
    # The start of Redis' counters is unknown, which is 0 in OTLP.
    since = began_ns if metric.source is Source.PROCESS else 0
    if metric.kind is Kind.HISTOGRAM:
        groups = _by_attributes(metric, family.samples)
        return Histogram([_histogram(group, since, now_ns) for group in groups], _CUMULATIVE)
    name = metric.prometheus_name
    points = [
        NumberDataPoint(_attributes(metric, sample), since, now_ns, float(sample.value))
        for sample in family.samples
        if sample.name == name
    ]
    return Gauge(points) if metric.kind is Kind.GAUGE else Sum(points, _CUMULATIVE, True)


_Group = tuple[dict[str, str | int], "list[Sample]"]


def _by_attributes(metric: Metric, samples: Iterable[Sample]) -> Iterator[_Group]:
    groups: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        key = tuple(sample.labels[label] for label in metric.labels)
        groups.setdefault(key, []).append(sample)
    for group in groups.values():
        yield _attributes(metric, group[0]), group


def _attributes(metric: Metric, sample: Sample) -> dict[str, str | int]:
    """Return a sample's attributes. An empty label means that there is none."""
    values = ((name, sample.labels[label]) for name, label in _names(metric))
    return {name: int(v) if name in _NUMBERS else v for name, v in values if v}


def _names(metric: Metric) -> Iterable[tuple[str, str]]:
    return zip(metric.attributes, metric.labels, strict=True)


def _histogram(group: _Group, began_ns: int, now_ns: int) -> HistogramDataPoint:
    attributes, samples = group
    up_to = [(s.labels["le"], int(s.value)) for s in samples if s.name.endswith(_BUCKET)]
    counts = [0, *(count for _, count in up_to)]
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=began_ns,
        time_unix_nano=now_ns,
        count=next(int(s.value) for s in samples if s.name.endswith(_COUNT)),
        sum=next(s.value for s in samples if s.name.endswith(_SUM)),
        bucket_counts=[after - before for before, after in pairwise(counts)],
        explicit_bounds=[float(bound) for bound, _ in up_to[:-1]],
        # They are optional in OTLP, and not counted.
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )
