"""Pushes metrics to a collector from a separate thread, so that nothing waits for it."""

from __future__ import annotations

import logging
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from ..tracing.tracer import resource_of
from .otlp import metrics_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from .registry import ProcessMetrics
    from .settings import MetricsSettings

__all__ = ["MetricsPush"]

STOP_SECONDS = 3.0
"""How long a stopping process tries to send its last values."""
WARN_SECONDS = 60.0
"""A failing collector is logged at most once a minute."""

logger = structlog.stdlib.get_logger(__name__)


class MetricsPush:
    """Sends all metrics every OTEL_METRIC_EXPORT_INTERVAL, and once more at the end.

    Values are cumulative, so a failed push needs no repetition: the next one covers it.
    """

    def __init__(
        self,
        settings: MetricsSettings,
        metrics: ProcessMetrics,
        service: str,
        refresh: Callable[[], None],
    ) -> None:
        """Start the thread. ``refresh`` reads Redis' stats and may take a few seconds."""
        endpoint = settings.metrics_endpoint()
        # The exporter logs several lines per failure; ``metrics.not_sent`` replaces them.
        name = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
        logging.getLogger(name).setLevel(logging.CRITICAL)
        self._exporter = OTLPMetricExporter(endpoint=endpoint, headers=settings.export_headers())
        self._collector = urlsplit(endpoint).netloc.rpartition("@")[2]
        self._resource = resource_of(settings, service)
        self._scope = InstrumentationScope(service, version(service))
        self._metrics = metrics
        self._refresh = refresh
        self._interval_seconds = settings.otel_metric_export_interval / 1000
        self._warned_at: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-push", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_seconds):
            self._send()
        self._send()

    def _send(self) -> None:
        try:
            self._refresh()
            data = metrics_data(
                self._metrics.registry.collect(), self._resource, self._scope,
                began_ns=self._metrics.began_ns, now_ns=time.time_ns(),
            )  # fmt: skip
            sent = self._exporter.export(data) is MetricExportResult.SUCCESS
        except Exception:
            # An error must not end this thread: all later metrics would be missing.
            logger.debug("metrics.sending_failed", exc_info=True)
            sent = False
        if not sent:
            self._warn()

    def _warn(self) -> None:
        now = time.monotonic()
        if self._warned_at is not None and now - self._warned_at < WARN_SECONDS:
            return
        self._warned_at = now
        hint = "a collector that takes no metrics needs OTEL_METRICS_EXPORTER=none"
        logger.warning("metrics.not_sent", collector=self._collector, hint=hint)

    def stop(self) -> None:
        """Send the last values, within a few seconds."""
        self._ended.set()
        self._thread.join(STOP_SECONDS)
        # Ends the exporter's pause between two attempts.
        self._exporter.shutdown()
