from __future__ import annotations

import pytest

from queue_common.metrics.catalog import METRICS
from queue_common.metrics.metric import Kind, Source

from .files import alerts, panel_expressions, substituted
from .promql import TARGET, Use, grouped_by, metric_of, uses

EXPRESSIONS = [
    *((alert.name, alert.expression) for alert in alerts()),
    *((title, substituted(expression)) for title, expression in panel_expressions()),
]
each_expression = pytest.mark.parametrize(
    "expression", [e for _, e in EXPRESSIONS], ids=[name for name, _ in EXPRESSIONS]
)


def known(use: Use) -> frozenset[str]:
    metric = metric_of(use.name)
    return TARGET | frozenset(metric.labels if metric else ())


@each_expression
def test_an_expression_asks_for_what_is_measured(expression: str) -> None:
    """Rules and panels name metrics and labels that are in the table of metrics."""
    found = list(uses(expression))

    assert found
    assert [use.name for use in found if metric_of(use.name) is None] == []
    assert [use for use in found if not use.labels <= known(use)] == []
    assert grouped_by(expression) <= frozenset().union(*map(known, found))


@each_expression
def test_figures_of_several_pods_are_put_together_as_they_must(expression: str) -> None:
    """What Redis counts is the same on all pods, so never added up; what a process counts is."""
    for use in uses(expression):
        metric = metric_of(use.name)
        assert metric is not None
        if metric.source is Source.REDIS:
            assert use.aggregation == "max"
        elif metric.kind is not Kind.GAUGE:
            assert use.aggregation == "sum"
        assert bool(use.change) == (metric.kind is not Kind.GAUGE)


def test_everything_measured_can_be_seen() -> None:
    """The dashboard shows every metric of the table."""
    shown = {metric_of(use.name) for _, e in panel_expressions() for use in uses(substituted(e))}

    assert shown == set(METRICS)


def test_names_are_read_out_of_an_expression() -> None:
    """Functions, labels, texts and windows are not taken for metrics."""
    found = list(
        uses(
            'histogram_quantile(0.9, sum by (le, queue) (\n  rate(a_bucket{b="c d"}[5m]))) > 1\n'
            "and on (queue) max by (queue) (e) unless absent(f offset 10m)"
        )
    )

    assert found == [
        Use("a_bucket", frozenset({"b"}), "sum", "rate"),
        Use("e", frozenset(), "max", ""),
        Use("f", frozenset(), "absent", ""),
    ]
