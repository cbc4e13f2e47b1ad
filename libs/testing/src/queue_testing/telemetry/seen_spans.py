"""Received spans, and the edges that a task's trace must have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Edge", "SeenSpan", "edges_of_task", "missing_edges", "spans_of_jaeger"]


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it was received; ids in hexadecimal."""

    service: str
    name: str
    kind: str
    """``server``, ``client``, ``producer``, ``consumer`` or ``internal``."""
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root span."""
    started_ns: int
    """Unix time."""
    ended_ns: int
    attributes: Mapping[str, Any]
    error: bool = False
    status_message: str = ""
    events: Mapping[str, int] = field(default_factory=dict)
    """The events' times in Unix ns."""
    resource: Mapping[str, Any] = field(default_factory=dict)
    tracestate: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Trace and span of each span that it is linked to."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A pair of parent and child span that a task's trace must have."""

    parent_service: str
    """Empty for a root span."""
    parent: str
    child_service: str
    child: str
    kind: str

    def __str__(self) -> str:
        parent = f"{self.parent_service}: {self.parent}" if self.parent else "(nothing)"
        return f"{parent} -> {self.child_service}: {self.child} ({self.kind})"


API, WORKER = "queue-api", "queue-worker"


def edges_of_task(queue: str = "tasks", method: str = "POST") -> list[Edge]:
    """Return all edges in the trace of a task of ``queue`` whose client sent no context."""
    post, send, process = "POST /api/v1/tasks", f"send {queue}", f"process {queue}"
    return [
        Edge("", "", API, post, "server"),
        Edge(API, post, API, send, "producer"),
        Edge(API, send, WORKER, process, "consumer"),
        Edge(WORKER, process, WORKER, method, "client"),
        Edge(WORKER, process, WORKER, f"settle {queue}", "client"),
    ]


def missing_edges(spans: Iterable[SeenSpan], edges: Iterable[Edge]) -> list[str]:
    """Return the missing edges as texts."""
    found = set(_edges(list(spans)))
    return [str(edge) for edge in edges if edge not in found]


def _edges(spans: list[SeenSpan]) -> list[Edge]:
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    edges = []
    for span in spans:
        parent = by_id.get((span.trace_id, span.parent_id))
        if parent is not None:
            edges.append(Edge(parent.service, parent.name, span.service, span.name, span.kind))
        elif not span.parent_id:
            edges.append(Edge("", "", span.service, span.name, span.kind))
    return edges


def spans_of_jaeger(trace: Mapping[str, Any]) -> list[SeenSpan]:
    """Return the spans of one trace of Jaeger's query API (an item of ``data``)."""
    return [_span_of_jaeger(span, trace["processes"]) for span in trace["spans"]]


def _span_of_jaeger(span: Mapping[str, Any], processes: Mapping[str, Any]) -> SeenSpan:
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    process = processes[span["processID"]]
    parents = [r["spanID"] for r in span["references"] if r["refType"] == "CHILD_OF"]
    started_ns = span["startTime"] * 1000
    return SeenSpan(
        service=process["serviceName"],
        name=span["operationName"],
        kind=tags.get("span.kind", "internal"),
        trace_id=span["traceID"],
        span_id=span["spanID"],
        parent_id=parents[0] if parents else "",
        started_ns=started_ns,
        ended_ns=started_ns + span["duration"] * 1000,
        attributes=tags,
        error=bool(tags.get("error")),
        status_message=tags.get("otel.status_description", ""),
        events={_event_name(log): log["timestamp"] * 1000 for log in span["logs"]},
        resource={tag["key"]: tag["value"] for tag in process["tags"]},
        tracestate=tags.get("w3c.tracestate", ""),
    )


def _event_name(log: Mapping[str, Any]) -> str:
    return next((f["value"] for f in log["fields"] if f["key"] == "event"), "")
