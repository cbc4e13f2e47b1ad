"""What an expression asks for, as far as the names in it tell; promtool judges its grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from queue_common.metrics.catalog import METRICS
from queue_common.metrics.metric import Kind, Metric

TARGET = frozenset({"namespace", "job", "instance", "pod", "le"})
"""Labels that come with the scrape, and a histogram's own."""

_WORDS = frozenset({"and", "or", "unless", "by", "on", "offset", "bool"})
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"')
_MATCHERS = re.compile(r"\{[^}]*\}")
_LABELS = re.compile(r"\b(?:by|on) ?\(([^)]*)\)")
_WINDOW = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"\b[a-zA-Z_]\w*\b(?! *\()")
_WRAPPING = re.compile(r"(\w+)(?: by \([^)]*\))? ?\( ?(?:(rate|increase) ?\( ?)?$")
_SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}


@dataclass(frozen=True, slots=True)
class Use:
    """A metric where it stands in an expression."""

    name: str
    labels: frozenset[str]
    """Those it is selected by."""
    aggregation: str
    """What is done with its series, of all pods: ``sum``, ``max``..."""
    change: str
    """``rate`` or ``increase``, empty for the value itself."""


def uses(expression: str) -> Iterator[Use]:
    """Each metric in the expression."""
    text = re.sub(r"\s+", " ", _TEXT.sub('""', expression))
    # Matchers and label lists hold names that are no metrics: blanks keep all others in place.
    names = text
    for pattern in (_MATCHERS, _LABELS, _WINDOW):
        names = pattern.sub(lambda found: " " * len(found.group()), names)
    for found in _NAME.finditer(names):
        if found.group() in _WORDS:
            continue
        around = _WRAPPING.search(text[: found.start()])
        matchers = _MATCHERS.match(text, found.end())
        selected = re.findall(r"(\w+) ?[=!]", matchers.group()) if matchers else []
        aggregation, change = around.groups(default="") if around else ("", "")
        yield Use(found.group(), frozenset(selected), aggregation, change)


def grouped_by(expression: str) -> set[str]:
    """The labels of all ``by`` and ``on`` lists."""
    lists = _LABELS.findall(expression)
    return {label.strip() for one in lists for label in one.split(",")}


def metric_of(name: str) -> Metric | None:
    """The metric of which ``name`` is a series, None where there is none."""
    for metric in METRICS:
        suffixes = _SUFFIXES.get(metric.kind, ("",))
        if name in {metric.prometheus_name + suffix for suffix in suffixes}:
            return metric
    return None
