"""Settings of metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..tracing.settings import Endpoint, OtelSettings

__all__ = ["MetricsSettings"]


class MetricsSettings(OtelSettings):
    """The metrics port, and the push to a collector."""

    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address that METRICS_PORT is opened on; ``::``: all of this machine's."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port of /metrics, /health, /ready and the API's /backlog; 0: none."""
    otel_exporter_otlp_metrics_endpoint: Endpoint = ""
    """The full URL for metrics. Default: OTEL_EXPORTER_OTLP_ENDPOINT/v1/metrics."""
    otel_metrics_exporter: Literal["otlp", "none"] = "otlp"
    """``none``: metrics are not pushed, even if there is an endpoint."""
    otel_metric_export_interval: Annotated[int, Field(ge=1)] = 60_000
    """Milliseconds from one push of metrics to the next."""

    def metrics_endpoint(self) -> str:
        """Return the URL to which metrics are pushed; empty if they are not."""
        if self.otel_sdk_disabled or self.otel_metrics_exporter == "none":
            return ""
        if self.otel_exporter_otlp_metrics_endpoint:
            return self.otel_exporter_otlp_metrics_endpoint
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return f"{base}/v1/metrics" if base else ""
