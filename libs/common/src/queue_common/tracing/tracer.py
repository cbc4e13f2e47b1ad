"""Tracing in a process."""

from __future__ import annotations

import socket
import uuid
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from .context import SAMPLED, TraceContext, new_span_id, new_trace_id
from .export import SpanExport, quiet_exporter
from .sampling import SdkSampler, TraceSampler
from .spans import Spans

if TYPE_CHECKING:
    from .settings import OtelSettings, TraceSettings

__all__ = ["Tracing", "resource_of"]


def resource_of(settings: OtelSettings, service: str) -> Resource:
    """Return the attributes of this process. ``service``: its distribution and default name."""
    return Resource.create(
        {
            "service.name": service,
            "service.version": version(service),
            "service.instance.id": _instance_id(),
            "host.name": socket.gethostname(),
            **settings.resource_attributes(),
        }
    )


@cache
def _instance_id() -> str:
    """Return this process' id, the same in its traces and its metrics."""
    return str(uuid.uuid4())


class Tracing:
    """Continues and begins traces, and records their spans if there is a collector.

    Without one, trace ids and the client's sampling decision are still passed on.
    """

    def __init__(self, settings: TraceSettings, service: str, queue: str) -> None:
        self.settings = settings
        self.queue = queue
        """The queue's name, which is part of the spans' names."""
        self.spans: Spans | None = None
        """None if nothing is exported."""
        self.provider: TracerProvider | None = None
        """For OpenTelemetry's instrumentation; None if nothing is exported."""
        self._sampler = TraceSampler(settings)
        self._export: SpanExport | None = None
        endpoint = settings.traces_endpoint()
        if endpoint:
            self._begin_export(endpoint, service)

    def _begin_export(self, endpoint: str, service: str) -> None:
        # Imported only if needed: the import takes 0.1 s.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        settings, resource = self.settings, resource_of(self.settings, service)
        quiet_exporter()
        self._export = SpanExport(
            OTLPSpanExporter(endpoint=endpoint, headers=settings.export_headers()),
            delay_seconds=settings.otel_bsp_schedule_delay / 1000,
            max_waiting=settings.otel_bsp_max_queue_size,
            max_per_batch=settings.otel_bsp_max_export_batch_size,
        )
        self.spans = Spans(self._export, resource, InstrumentationScope(service, version(service)))
        self.provider = TracerProvider(
            sampler=SdkSampler(self._sampler), resource=resource, shutdown_on_exit=False
        )
        self.provider.add_span_processor(self._export)

    @property
    def spans_dropped(self) -> int:
        """Spans that were recorded and did not reach the collector, since the process began."""
        return self._export.dropped if self._export else 0

    @property
    def spans_waiting(self) -> int:
        """Spans that wait for their export."""
        return self._export.waiting if self._export else 0

    def begin(self, parent: TraceContext | None) -> TraceContext:
        """Return the context of a new span, in ``parent``'s trace or in a new one."""
        if parent is None:
            trace_id = new_trace_id()
            sampled = self.spans is not None and self._sampler.samples(trace_id, None)
            return TraceContext(trace_id, new_span_id(), SAMPLED if sampled else 0)
        flags = parent.flags
        if self.spans is not None:
            sampled = self._sampler.samples(parent.trace_id, flags)
            flags = flags | SAMPLED if sampled else flags & ~SAMPLED
        return TraceContext(
            parent.trace_id, new_span_id(), flags, parent.tracestate, parent.baggage
        )

    def recorder(self, context: TraceContext) -> Spans | None:
        """Return the recorder for this trace's spans; None if it is not recorded here."""
        return self.spans if context.flags & SAMPLED else None

    def shutdown(self) -> None:
        """Send the waiting spans. Returns within a few seconds even if the collector hangs."""
        if self._export is not None:
            self._export.shutdown()
