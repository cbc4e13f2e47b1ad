"""Counters and histograms of the table, written by one thread: the event loop's.

prometheus_client's own take a lock for each figure and look for a histogram's bucket one by one in
Python, which is three times the price, and each task pays it ten times. Its registry, families and
text are used as they are.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric as Family

    from .metrics_table import Metric

__all__ = ["Count", "Counter", "Distribution", "Histogram"]


class Count:
    """How often something happened."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, by: int = 1) -> None:
        """Count ``by`` more."""
        self.value += by


class Distribution:
    """How often something took how long."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many came to each bucket: up to its bound, which is the bucket's own."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one that took ``value``."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Counter(Collector):
    """A counter of the table: a count for each combination of its attributes' values."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts: dict[tuple[str, ...], Count] = {}

    def labels(self, *values: object) -> Count:
        """Return the count for these values, in the table's order; a new one is shown as 0."""
        return self._counts.setdefault(tuple(map(str, values)), Count())

    def collect(self) -> Iterable[Family]:
        """Return the family, from any thread."""
        metric = self._metric
        family = CounterMetricFamily(
            metric.prometheus_name, metric.description, labels=metric.labels
        )
        for labels, count in list(self._counts.items()):
            family.add_metric(labels, count.value)
        yield family


class Histogram(Collector):
    """A histogram of the table: a distribution for each combination of its attributes' values."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._bounds = tuple(map(float, metric.buckets))
        self._names = [*map(floatToGoString, self._bounds), "+Inf"]
        self._distributions: dict[tuple[str, ...], Distribution] = {}

    def labels(self, *values: object) -> Distribution:
        """Return the distribution for these values, in the table's order; a new one is empty."""
        new = Distribution(self._bounds)
        return self._distributions.setdefault(tuple(map(str, values)), new)

    def collect(self) -> Iterable[Family]:
        """Return the family, from any thread: the sum may then be an observation ahead."""
        metric = self._metric
        family = HistogramMetricFamily(
            metric.prometheus_name, metric.description, labels=metric.labels
        )
        for labels, distribution in list(self._distributions.items()):
            up_to = accumulate(list(distribution.counts))
            buckets = list(zip(self._names, up_to, strict=True))
            family.add_metric(labels, buckets, distribution.total)
        yield family
