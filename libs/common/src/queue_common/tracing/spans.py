"""Records spans after their end.

A span of the SDK costs about 20 us and is always exported. Ours are a few numbers until their end:
only then it is known whether they are recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.span import TraceState
from opentelemetry.trace.status import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.util.types import Attributes

    from .context import TraceContext
    from .export import SpanExport

__all__ = ["OK", "Spans", "failed", "sdk_context"]

OK = Status(StatusCode.UNSET)


def failed(description: str | None) -> Status:
    """Return the status of a failed span."""
    return Status(StatusCode.ERROR, description)


class Spans:
    """Records spans of one process."""

    def __init__(self, export: SpanExport, resource: Resource, scope: InstrumentationScope) -> None:
        self._export = export
        self._resource = resource
        self._scope = scope

    def record(
        self, name: str, kind: SpanKind, context: TraceContext, *, parent_id: str,
        parent_is_remote: bool = False, started_ns: int, ended_ns: int, attributes: Attributes,
        status: Status = OK, events: Sequence[Event] = (), links: Sequence[Link] = (),
    ) -> None:  # fmt: skip
        """Record a span that has ended. Times are Unix ns; ``parent_id`` is empty for a root."""
        parent = context.span(parent_id) if parent_id else None
        self._export.add(
            ReadableSpan(
                name=name,
                context=sdk_context(context, is_remote=False),
                parent=sdk_context(parent, is_remote=parent_is_remote) if parent else None,
                resource=self._resource,
                attributes=attributes,
                events=events,
                links=links,
                kind=kind,
                status=status,
                start_time=started_ns,
                end_time=max(ended_ns, started_ns),
                instrumentation_scope=self._scope,
            )
        )


def sdk_context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    """Return a context as OpenTelemetry's, such as links have."""
    state = TraceState.from_header([context.tracestate]) if context.tracestate else None
    return SpanContext(
        int(context.trace_id, 16), int(context.span_id, 16), is_remote,
        TraceFlags(context.flags), state,
    )  # fmt: skip
