"""Traces, by Jaeger's query API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Namespace

__all__ = ["Jaeger", "Span"]

QUERY_PORT = 16686


@dataclass(frozen=True, slots=True)
class Span:
    """One span, with what an edge of a trace is told by."""

    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    attributes: dict[str, object]


@dataclass(frozen=True, slots=True)
class Jaeger:
    """The Jaeger of a release."""

    namespace: Namespace
    service: str

    async def spans(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace that have arrived."""
        answer = await self.namespace.service(
            self.service, QUERY_PORT, f"api/traces/{trace_id}"
        )
        if not answer.is_success:  # 404 until the first span is there
            return []
        return [span for trace in answer.json()["data"] for span in _read(trace)]

    async def edges(self, trace_id: str) -> set[tuple[str, str, str, str]]:
        """Return parent's service and name with child's service and name, for each edge."""
        spans = {span.span_id: span for span in await self.spans(trace_id)}
        return {
            (spans[span.parent_id].service, spans[span.parent_id].name, span.service, span.name)
            for span in spans.values()
            if span.parent_id in spans
        }


def _read(trace: dict[str, Any]) -> list[Span]:
    return [
        Span(
            span_id=span["spanID"],
            parent_id=next((r["spanID"] for r in span["references"]), None),
            service=trace["processes"][span["processID"]]["serviceName"],
            name=span["operationName"],
            kind=_tags(span).get("span.kind", ""),
            attributes=_tags(span),
        )
        for span in trace["spans"]
    ]


def _tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}
