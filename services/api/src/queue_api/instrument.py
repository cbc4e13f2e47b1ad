"""OpenTelemetry's instrumentation of FastAPI, for all routes except POSTs of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_common.tracing.settings import use_stable_conventions

if TYPE_CHECKING:
    from fastapi import FastAPI

    from queue_common.tracing.tracer import Tracing

__all__ = ["instrument"]

NOT_TRACED = (
    r"^https?://[^/]*/(?:health|ready|version|api/v1/events|api/v1/tasks(?:/[^/]+/replay)?)$"
)
"""What probes ask every few seconds, and the routes that make their own spans (``trace``)."""


def instrument(app: FastAPI, tracing: Tracing) -> None:
    """Make the app's routes record spans. Without a collector this does nothing."""
    if tracing.provider is None:
        return
    # Imported only if needed: the import takes 0.1 s.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.metrics import NoOpMeterProvider

    use_stable_conventions()
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=tracing.provider,
        # Requests are counted elsewhere, for the fast path too.
        meter_provider=NoOpMeterProvider(),
        excluded_urls=NOT_TRACED,
        exclude_spans=["receive", "send"],
    )
