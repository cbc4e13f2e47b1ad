"""A trace collector: accepts OTLP over http/protobuf and keeps the spans."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ..network.loopback import LoopbackServer
from .seen_spans import SeenSpan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ["Collector", "attributes_of"]


class Collector(LoopbackServer):
    """``url`` is the value for OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __init__(self, port: int = 0) -> None:
        super().__init__("POST", "/v1/traces", self._take, port)
        self.spans: list[SeenSpan] = []
        self.exports = 0
        """Number of requests."""
        self.headers: dict[str, str] = {}
        """Headers of the last request."""
        self.status = 200
        """Status of the responses. With any other than 200 no span is kept."""

    def named(self, name: str) -> list[SeenSpan]:
        """Return the spans with this name, in the order of their start."""
        return sorted((s for s in self.spans if s.name == name), key=lambda s: s.started_ns)

    async def _take(self, request: web.Request) -> web.Response:
        self.exports += 1
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        if self.status != web.HTTPOk.status_code:
            return web.Response(status=self.status)
        self.spans.extend(await asyncio.to_thread(_read, body))
        response = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=response, content_type="application/x-protobuf")


def _read(body: bytes) -> list[SeenSpan]:
    found = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = attributes_of(group.resource.attributes)
        found += [_seen(span, resource) for scope in group.scope_spans for span in scope.spans]
    return found


def _seen(span: Span, resource: dict[str, Any]) -> SeenSpan:
    return SeenSpan(
        service=resource["service.name"],
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=attributes_of(span.attributes),
        error=span.status.code == Status.STATUS_CODE_ERROR,
        status_message=span.status.message,
        events={event.name: event.time_unix_nano for event in span.events},
        resource=resource,
        tracestate=span.trace_state,
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return OTLP attributes by name."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - an attribute is of one of several types
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
