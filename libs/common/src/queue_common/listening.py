"""Listening on a port. An error names the variable to change."""

from __future__ import annotations

import errno
import socket
import sys

__all__ = ["listen"]

BACKLOG = 2048
ALL_ADDRESSES = "::"


def listen(part: str, host: str, port: int) -> socket.socket:
    """Return a listening socket, or end the process with a sentence that names the variable.

    ``part`` is the prefix of the variables: API for API_HOST and API_PORT. ``::`` means all IPv6
    and IPv4 addresses, or all IPv4 addresses if the kernel has no IPv6.
    """
    try:
        listener = _open(host, port)
        listener.listen(BACKLOG)
    except OSError as error:
        of_port = error.errno in {errno.EADDRINUSE, errno.EACCES}
        variable = f"{part}_PORT={port}" if of_port else f"{part}_HOST={host}"
        sys.exit(f"{variable}: cannot listen on it: {error.strerror}")
    return listener


def _open(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT or host != ALL_ADDRESSES:
            raise
        return _open("0.0.0.0", port)  # noqa: S104 - the caller asked for it
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == ALL_ADDRESSES:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(address)
    return listener
