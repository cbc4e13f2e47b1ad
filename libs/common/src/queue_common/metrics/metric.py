"""The description of a metric.

Names and units follow OpenTelemetry's conventions if they define the metric. Prometheus' names are
derived by OpenTelemetry's rule ("Prometheus and OpenMetrics Compatibility"): dots become
underscores, then the unit follows, then ``_total`` for a counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

__all__ = ["Kind", "Metric", "Source"]


class Kind(StrEnum):
    """The type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(Enum):
    """The component that counts, and so how values of several pods are combined."""

    PROCESS = "sum"
    """Each process counts its own: the sum over all pods is the total."""
    REDIS = "max"
    """Redis counts for all processes: every pod shows the same value."""


_UNITS: Final = {"s": "_seconds", "By": "_bytes"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. The values of its attributes are from bounded sets."""

    name: str
    kind: Kind
    unit: str
    """OpenTelemetry's unit: ``s``, ``By``, or the counted thing in braces; empty for 0 or 1."""
    description: str
    attributes: tuple[str, ...] = ()
    source: Source = Source.PROCESS
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """The name on ``/metrics``."""
        name = _underscored(self.name) + _UNITS.get(self.unit, "")
        return name + "_total" if self.kind is Kind.COUNTER else name

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the attributes on ``/metrics``."""
        return tuple(map(_underscored, self.attributes))


def _underscored(name: str) -> str:
    return name.replace(".", "_")
