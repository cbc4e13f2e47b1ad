"""A collector for metrics: takes OTLP over http/protobuf and keeps what it gets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

__all__ = ["MetricsCollector", "SeenMetric"]


@dataclass(frozen=True, slots=True)
class SeenMetric:
    """One metric as it came, with what its points say."""

    service: str
    name: str
    kind: str
    """sum, gauge or histogram."""
    unit: str
    points: list[tuple[dict[str, Any], float]]
    """Attributes, and the value, or a histogram's count."""
    raw: Metric

    def value(self, **attributes: object) -> float:
        """Return the sum of the points with the attributes; dots are written ``__``."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return sum(value for found, value in self.points if wanted.items() <= found.items())


class MetricsCollector:
    """Listens on a loopback port while its context is entered."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], SeenMetric] = {}
        """The last of each, by service and name."""
        self.exports = 0
        """Requests so far."""
        self.hangs = False
        """Whether requests are left without an answer."""
        self.url = ""
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/metrics", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
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
        body = await request.read()
        if self.hangs:
            await asyncio.Event().wait()
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            service = _attributes(group.resource.attributes)["service.name"]
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    self.seen[service, metric.name] = _seen(service, metric)
        answer = ExportMetricsServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


def _seen(service: str, metric: Metric) -> SeenMetric:
    kind = metric.WhichOneof("data") or ""
    points = [
        (
            _attributes(point.attributes),
            point.count if kind == "histogram" else point.as_double,
        )
        for point in getattr(metric, kind).data_points
    ]
    return SeenMetric(service, metric.name, kind, metric.unit, points, metric)


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "") for pair in pairs}
