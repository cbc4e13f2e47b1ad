"""Traces, by Jaeger's query API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_testing.telemetry.seen_spans import SeenSpan, spans_of_jaeger

if TYPE_CHECKING:
    from .release import Release

__all__ = ["Jaeger"]

QUERY_PORT = 16686


@dataclass(frozen=True, slots=True)
class Jaeger:
    """The Jaeger that a release brings."""

    release: Release

    async def spans(self, trace_id: str) -> list[SeenSpan]:
        """Return the spans of a trace that have arrived so far."""
        [service] = await self.release.service_names("jaeger", QUERY_PORT)
        response = await self.release.namespace.service(
            service, QUERY_PORT, f"api/traces/{trace_id}"
        )
        if not response.is_success:  # 404 until the first span is there
            return []
        return [span for trace in response.json()["data"] for span in spans_of_jaeger(trace)]
