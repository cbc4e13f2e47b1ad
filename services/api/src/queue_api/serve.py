"""Listening on a port and serving an ASGI application until a signal ends it."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["listen", "serve"]

KEEP_ALIVE_SECONDS = 75
"""More than the 60 s for which proxies such as nginx keep idle connections: with less, a request
would now and then meet a connection that is just being closed, and fail."""
BACKLOG = 2048
FINISH_SECONDS = 30
"""How long open requests may take once a signal has come."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with a sentence that names the variable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        of_port = error.errno in {errno.EADDRINUSE, errno.EACCES}
        variable = f"API_PORT={port}" if of_port else f"API_HOST={host}"
        sys.exit(f"{variable}: cannot listen on it: {error.strerror}")
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", log_config=None, access_log=False,
        server_header=False,
        proxy_headers=False, backlog=BACKLOG, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )  # fmt: skip
    server = uvicorn.Server(config)
    for name in (signal.SIGTERM, signal.SIGINT):
        # For a signal that comes before uvicorn has its own handlers, and for the one it raises
        # again once it has stopped: an ordered stop is no failure.
        signal.signal(name, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])
