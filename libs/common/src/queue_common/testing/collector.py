"""A collector for traces: takes OTLP over http/protobuf and keeps what it gets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .seen_spans import SeenSpan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ["Collector"]


class Collector:
    """Listens on a loopback port while its context is entered."""

    def __init__(self, port: int = 0) -> None:
        self.spans: list[SeenSpan] = []
        self.exports = 0
        """Requests so far."""
        self.headers: dict[str, str] = {}
        """Those of the last request."""
        self.status = 200
        """What it answers; anything else than 200 takes no span."""
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._port}"

    def named(self, name: str) -> list[SeenSpan]:
        """Return the spans with this name, in the order of their beginning."""
        return sorted((s for s in self.spans if s.name == name), key=lambda s: s.started_ns)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.exports += 1
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        if self.status != web.HTTPOk.status_code:
            return web.Response(status=self.status)
        self.spans.extend(await asyncio.to_thread(_read, body))
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


def _read(body: bytes) -> list[SeenSpan]:
    found = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(group.resource.attributes)
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
        attributes=_attributes(span.attributes),
        error=span.status.code == Status.STATUS_CODE_ERROR,
        status_message=span.status.message,
        events={event.name: event.time_unix_nano for event in span.events},
        resource=resource,
        tracestate=span.trace_state,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - an attribute is of one of several types
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
