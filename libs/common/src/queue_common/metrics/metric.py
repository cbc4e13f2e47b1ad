"""What describes a metric.

Names and units are OpenTelemetry's, from its conventions where they have the thing. Prometheus'
name of each follows by the rule of OpenTelemetry's specification ("Prometheus and OpenMetrics
Compatibility"): dots become underscores, then the unit, then ``_total`` on what only grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

__all__ = ["Kind", "Metric", "Source"]


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(Enum):
    """Who counts, and so how figures of several pods go together."""

    PROCESS = "sum"
    """Each process counts its own: sums over the pods are the whole."""
    REDIS = "max"
    """Redis counts for all: every pod shows the same."""


_UNITS: Final = {"s": "_seconds", "By": "_bytes"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; its attributes' values are from bounded sets."""

    name: str
    kind: Kind
    unit: str
    """As OpenTelemetry writes it: ``s``, ``By``, or the thing counted in braces; empty: yes, no."""
    description: str
    attributes: tuple[str, ...] = ()
    source: Source = Source.PROCESS
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """Its name on ``/metrics``."""
        name = _underscored(self.name) + _UNITS.get(self.unit, "")
        return name + "_total" if self.kind is Kind.COUNTER else name

    @property
    def labels(self) -> tuple[str, ...]:
        """Its attributes' names on ``/metrics``."""
        return tuple(map(_underscored, self.attributes))


def _underscored(name: str) -> str:
    return name.replace(".", "_")
