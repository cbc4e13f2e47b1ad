"""Starts the dashboard."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from .app import build_dashboard
from .command_line import read_command_line
from .logs import configure_logging
from .settings import load

if TYPE_CHECKING:
    from .live.hub import Hub

__all__ = ["main"]

BACKLOG = 512
KEEP_ALIVE_SECONDS = 75
"""More than the 60 s for which proxies such as nginx keep idle connections."""
FINISH_SECONDS = 20
"""How long open requests may take once a signal has come."""


def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish the open requests and return."""
    read_command_line(sys.argv[1:])
    settings = load()
    configure_logging(settings)
    listener = _listen(settings.dashboard_host, settings.dashboard_port)
    app = build_dashboard(settings)
    config = uvicorn.Config(
        app, loop="uvloop", ws="none", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )  # fmt: skip
    server = _Server(config, app.dashboard.hub)
    for name in (signal.SIGTERM, signal.SIGINT):
        # For a signal before uvicorn has its own handlers, and for the one it raises again at its
        # end: an ordered stop is no failure.
        signal.signal(name, lambda *_: setattr(server, "should_exit", True))
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the live pages' streams first: they would else be waited for."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        await self._hub.close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with a sentence that names the variable."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        of_port = error.errno in {errno.EADDRINUSE, errno.EACCES}
        variable = f"DASHBOARD_PORT={port}" if of_port else f"DASHBOARD_HOST={host}"
        sys.exit(f"{variable}: cannot listen on it: {error.strerror}")


if __name__ == "__main__":
    main()
