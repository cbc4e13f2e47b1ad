"""The table of edges: what is missing is named, whoever stored the spans."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from queue_testing.telemetry.seen_spans import (
    SeenSpan,
    edges_of_task,
    missing_edges,
    spans_of_jaeger,
)

STORED = Path(__file__).parent / "jaeger" / "dead_task.json"
"""A trace in a response of Jaeger 2."""


@pytest.fixture
def spans() -> list[SeenSpan]:
    return spans_of_jaeger(json.loads(STORED.read_text()))


def test_jaegers_response_has_every_edge(spans: list[SeenSpan]) -> None:
    """A dead task's trace, as Jaeger tells it, has all edges of the table."""
    assert missing_edges(spans, edges_of_task()) == []


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("settle tasks", "queue-worker: process tasks -> queue-worker: settle tasks (client)"),
        ("POST", "queue-worker: process tasks -> queue-worker: POST (client)"),
        ("POST /api/v1/tasks", "(nothing) -> queue-api: POST /api/v1/tasks (server)"),
    ],
)
def test_a_missing_edge_is_named(spans: list[SeenSpan], lost: str, named: str) -> None:
    """Without one of its spans, the trace lacks the edge to it, by name."""
    rest = [span for span in spans if span.name != lost]

    assert named in missing_edges(rest, edges_of_task())


def test_a_torn_trace_lacks_its_edges(spans: list[SeenSpan]) -> None:
    """Spans that are all there, but each in a trace of its own, make no edge but the first."""
    torn = [replace(span, trace_id=f"{number:032x}") for number, span in enumerate(spans)]

    assert missing_edges(torn, edges_of_task()) == [str(edge) for edge in edges_of_task()[1:]]


def test_jaegers_spans_are_read_whole(spans: list[SeenSpan]) -> None:
    """Times, attributes, events, errors and the process' resource are taken over."""
    (process,) = (span for span in spans if span.name == "process tasks")

    assert process.ended_ns - process.started_ns == 2_350_000
    assert process.attributes["outcome"] == "egress_refused"
    assert process.started_ns - process.events["task.due"] == 2_485_000
    assert (process.error, process.status_message[:15]) == (True, "169.254.169.254")
    assert process.resource["service.version"] == "0.1.0"
