"""Serves an ASGI application until a signal."""

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
    from collections.abc import Callable

    from starlette.types import ASGIApp

__all__ = ["serve"]

KEEP_ALIVE_SECONDS = 75
"""More than the 60 s for which proxies such as nginx keep idle connections: with less, a proxy may
send a request on a connection that is just being closed, and the request fails."""
FINISH_SECONDS = 30
"""How long open requests may take after a signal."""


class _Server(uvicorn.Server):
    """A server that says when it stops: streams without an end must end then."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp, fast_path: FastPath, listener: socket.socket, on_stop: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return.

    ``on_stop`` is called before the wait for the open requests.
    Requests of the fast path do not pass ``app``.
    """
    protocol = cast("type[asyncio.Protocol]", partial(FastPathProtocol, fast_path))
    config = uvicorn.Config(
        app, loop="uvloop", http=protocol, ws="none", log_config=None, access_log=False,
        server_header=False,
        proxy_headers=False, backlog=BACKLOG, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )  # fmt: skip
    server = _Server(config, on_stop)
    for name in (signal.SIGTERM, signal.SIGINT):
        # For a signal before uvicorn has set its own handlers, and for the one that it raises again
        # after it has stopped: a requested stop must not end with an error.
        signal.signal(name, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])
