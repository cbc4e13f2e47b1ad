"""OpenTelemetry's instrumentation of FastAPI: the spans of all routes but that of POSTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_common.tracing.settings import use_stable_conventions

if TYPE_CHECKING:
    from fastapi import FastAPI

    from queue_common.tracing.tracer import Tracing

__all__ = ["instrument"]

NOT_TRACED = r"^https?://[^/]*/(?:health|ready|version|api/v1/tasks)$"
"""What probes ask every few seconds, and the route that makes its own spans (``trace``)."""


def instrument(app: FastAPI, tracing: Tracing) -> None:
    """Have the app's routes make spans; nothing is done, and nothing paid, without a collector."""
    if tracing.provider is None:
        return
    # Imported where it is used: it takes a tenth of a second.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.metrics import NoOpMeterProvider

    use_stable_conventions()
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=tracing.provider,
        # One place counts requests for all routes, the fast path too; it is not here.
        meter_provider=NoOpMeterProvider(),
        excluded_urls=NOT_TRACED,
        exclude_spans=["receive", "send"],
    )
