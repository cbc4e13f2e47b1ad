"""A metrics collector: accepts OTLP over http/protobuf and keeps the metrics."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from ..network.loopback import LoopbackServer
from .collector import attributes_of

if TYPE_CHECKING:
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

__all__ = ["MetricsCollector", "SeenMetric"]


@dataclass(frozen=True, slots=True)
class SeenMetric:
    """One received metric with its points."""

    service: str
    name: str
    kind: str
    """sum, gauge or histogram."""
    unit: str
    points: list[tuple[dict[str, Any], float]]
    """Attributes with the value, or with a histogram's count."""
    raw: Metric

    def value(self, **attributes: object) -> float:
        """Return the sum of the points with the attributes; dots are written ``__``."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return sum(value for found, value in self.points if wanted.items() <= found.items())


class MetricsCollector(LoopbackServer):
    """``url`` is the value for OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __init__(self) -> None:
        super().__init__("POST", "/v1/metrics", self._take)
        self.seen: dict[tuple[str, str], SeenMetric] = {}
        """The last metric of each service and name."""
        self.exports = 0
        """Number of requests."""
        self.hangs = False
        """``True``: requests get no response."""

    async def _take(self, request: web.Request) -> web.Response:
        self.exports += 1
        body = await request.read()
        if self.hangs:
            await asyncio.Event().wait()
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            service = attributes_of(group.resource.attributes)["service.name"]
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    self.seen[service, metric.name] = _seen(service, metric)
        response = ExportMetricsServiceResponse().SerializeToString()
        return web.Response(body=response, content_type="application/x-protobuf")


def _seen(service: str, metric: Metric) -> SeenMetric:
    kind = metric.WhichOneof("data") or ""
    points = [
        (
            attributes_of(point.attributes),
            point.count if kind == "histogram" else point.as_double,
        )
        for point in getattr(metric, kind).data_points
    ]
    return SeenMetric(service, metric.name, kind, metric.unit, points, metric)
