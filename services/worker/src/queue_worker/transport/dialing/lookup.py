"""Look-ups by the system's resolver, and the domain of a name."""

from __future__ import annotations

import socket
from functools import cache
from typing import cast

from publicsuffixlist import PublicSuffixList

__all__ = ["AddressInfo", "at_port", "numeric", "registrable_domain", "system_lookup"]

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
AddressInfo = tuple[int, int, int, str, SocketAddress]
"""A result of getaddrinfo: family, kind, protocol, canonical name, socket address."""


def system_lookup(host: str) -> list[AddressInfo]:
    """Look up a name by the system's resolver (hosts file, DNS, ...). Blocks; raises OSError."""
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    return cast("list[AddressInfo]", found)


def numeric(host: str) -> list[AddressInfo] | None:
    """Return an address in any spelling that the system accepts; None for a name. Does no I/O."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return cast("list[AddressInfo]", found)


def at_port(info: AddressInfo, port: int) -> AddressInfo:
    """Return ``info`` with its socket address at ``port``."""
    family, kind, protocol, name, (host, _, *rest) = info
    return family, kind, protocol, name, cast("SocketAddress", (host, port, *rest))


@cache
def _suffixes() -> PublicSuffixList:
    # The list is part of the package: nothing is downloaded.
    return PublicSuffixList(only_icann=True)


def registrable_domain(host: str) -> str:
    """Return the registrable domain, such as example.co.uk; the name itself if it has none.

    Names below a provider's domain (github.io) belong to the provider, whose name servers reply.
    """
    name = host.lower().rstrip(".")
    return _suffixes().privatesuffix(name) or name
