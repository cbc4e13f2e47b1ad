"""Serving an ASGI application until a signal ends it."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, cast

import uvicorn

from queue_common.listening import BACKLOG

from .http.fast_path import FastPath, FastPathProtocol

if TYPE_CHECKING:
    import asyncio
    import socket

    from starlette.types import ASGIApp

__all__ = ["serve"]

KEEP_ALIVE_SECONDS = 75
"""More than the 60 s for which proxies such as nginx keep idle connections: with less, a request
would now and then meet a connection that is just being closed, and fail."""
FINISH_SECONDS = 30
"""How long open requests may take once a signal has come."""


def serve(app: ASGIApp, fast_path: FastPath, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return.

    What ``fast_path`` takes does not come through ``app``.
    """
    protocol = cast("type[asyncio.Protocol]", partial(FastPathProtocol, fast_path))
    config = uvicorn.Config(
        app, loop="uvloop", http=protocol, ws="none", log_config=None, access_log=False,
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
