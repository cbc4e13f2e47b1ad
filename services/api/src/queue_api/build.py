"""The composition root: from settings to what the process serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_common.queue import TaskQueue
from queue_common.tracing.tracer import Tracing

from .app import create_app
from .app_context import AppContext
from .http.counting import MetricsMiddleware
from .http.fast_path import FastPath
from .http.origin import OriginGuard
from .metrics import ApiMetrics, metrics_lifespan
from .tasks.routes import CreateTask

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from .settings import ApiSettings

__all__ = ["Api", "build_api"]


@dataclass(frozen=True, slots=True)
class Api:
    """The parts of the API that its server works with."""

    app: ASGIApp
    """Counts requests and refuses those of other sites' pages."""
    fast_path: FastPath
    on_stop: Callable[[], None]
    """To be called when the server stops: it ends the streams of events."""
    tracing: Tracing
    """To be shut down after the server has stopped."""


def build_api(settings: ApiSettings, metrics_listener: socket.socket | None) -> Api:
    """Build the API. Nothing connects before the app's lifespan begins.

    METRICS_PORT is served on ``metrics_listener``, if there is one.
    """
    tracing = Tracing(settings, "queue-api", settings.queue_name)
    metrics = ApiMetrics(settings.queue_name, lambda: tracing.spans_dropped)
    queue = TaskQueue(
        redis=settings, queue=settings, hooks=metrics,
        max_waiting_bytes=settings.api_max_waiting_bytes,
    )  # fmt: skip
    context = AppContext.of(settings, queue, tracing)
    create_task = CreateTask(context)
    app = create_app(context, create_task, metrics_lifespan(metrics, settings, metrics_listener))
    guarded = OriginGuard(app, context.allowed_hosts)
    fast_path = FastPath(create_task, metrics, settings.http_limits())
    return Api(MetricsMiddleware(guarded, metrics), fast_path, queue.event_hub.stop, tracing)
