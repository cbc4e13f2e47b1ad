"""Starts the API."""

from __future__ import annotations

from queue_common.log import configure_logging
from queue_common.queue import TaskQueue
from queue_common.settings import load
from queue_common.telemetry.tracing import Tracing

from .app import create_app
from .serve import listen, serve
from .settings import ApiSettings

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    settings = load(ApiSettings)
    configure_logging(settings)
    listener = listen(settings.api_host, settings.api_port)
    tracing = Tracing(settings, "queue-api", settings.queue_name)
    try:
        serve(create_app(settings, TaskQueue(settings, settings), tracing), listener)
    finally:
        tracing.shutdown()


if __name__ == "__main__":
    main()
