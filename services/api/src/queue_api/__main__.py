"""Starts the API."""

from __future__ import annotations

import gc
import sys

from queue_common.listening import listen
from queue_common.logs.setup import configure_logging
from queue_common.metrics.process import open_metrics_port
from queue_common.settings import load, read_command_line

from .build import build_api
from .serve import serve
from .settings import ApiSettings, warn_if_open

__all__ = ["main"]

ABOUT = "queue-api: the HTTP API, which takes tasks and stores them in Redis."


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    read_command_line(ApiSettings, ABOUT, sys.argv[1:])
    gc.freeze()  # the collector never has to look at what the imports made
    gc.set_threshold(20_000)  # reference counting frees nearly everything that a task makes
    settings = load(ApiSettings)
    configure_logging(settings)
    listener = listen("API", settings.api_host, settings.api_port)
    api = build_api(settings, open_metrics_port(settings))
    warn_if_open(settings)
    try:
        serve(api.app, api.fast_path, listener, api.on_stop)
    finally:
        api.tracing.shutdown()


if __name__ == "__main__":
    main()
