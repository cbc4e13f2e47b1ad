"""Listening on a port, with mistakes told by the variable that names it."""

from __future__ import annotations

import errno
import socket
import sys

__all__ = ["listen"]

BACKLOG = 2048


def listen(part: str, host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with a sentence that names the variable.

    ``part`` begins the variables' names: API for API_HOST and API_PORT.
    """
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
        variable = f"{part}_PORT={port}" if of_port else f"{part}_HOST={host}"
        sys.exit(f"{variable}: cannot listen on it: {error.strerror}")
    return listener
