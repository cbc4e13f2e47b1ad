"""Starts the API."""

from __future__ import annotations

import gc

from queue_common.listening import listen
from queue_common.logs.setup import configure_logging
from queue_common.metrics.process import open_metrics_port
from queue_common.queue import TaskQueue
from queue_common.settings import load
from queue_common.tracing.tracer import Tracing

from .app import create_app
from .http.fast_path import FastPath
from .http.origin import OriginGuard
from .metrics import ApiMetrics, Measured, telling
from .serve import serve
from .settings import ApiSettings

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    gc.freeze()  # what the imports made is not looked through again
    gc.set_threshold(20_000)  # reference counting frees nearly all that a task makes
    settings = load(ApiSettings)
    configure_logging(settings)
    listener = listen("API", settings.api_host, settings.api_port)
    metrics = ApiMetrics(settings.queue_name)
    around = telling(metrics, settings, open_metrics_port(settings))
    tracing = Tracing(settings, "queue-api", settings.queue_name)
    metrics.count_dropped_spans = lambda: tracing.spans_dropped
    queue = TaskQueue(settings, settings, metrics, max_waiting_bytes=settings.api_max_waiting_bytes)
    app = create_app(settings, queue, tracing, around)
    fast_path = FastPath(app.state.create_task, metrics, settings.http_limits())
    guarded = OriginGuard(app, app.state.api.allowed_hosts)
    try:
        serve(Measured(guarded, metrics), fast_path, listener)
    finally:
        tracing.shutdown()


if __name__ == "__main__":
    main()
