"""Starts the API."""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn

from queue_common.log import configure_logging
from queue_common.queue import TaskQueue
from queue_common.settings import load

from .app import create_app
from .settings import ApiSettings

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    settings = load(ApiSettings)
    configure_logging(settings)
    listener = _listen(settings)
    app = create_app(settings, TaskQueue(settings, settings))
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=30,
    )  # fmt: skip
    for name in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped; an ordered stop is no failure.
        signal.signal(name, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(settings: ApiSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.api_host, settings.api_port))
    except OSError as error:
        sys.exit(f"API_PORT={settings.api_port}: cannot listen on it: {error.strerror}")
    return listener


if __name__ == "__main__":
    main()
