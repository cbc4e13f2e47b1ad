"""What the system and the public suffix list know of a name."""

from __future__ import annotations

import socket
from functools import cache
from typing import cast

from publicsuffixlist import PublicSuffixList

__all__ = ["AddressInfo", "at_port", "numeric", "registrable_domain", "system_lookup"]

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
AddressInfo = tuple[int, int, int, str, SocketAddress]
"""As getaddrinfo gives it: family, kind, protocol, canonical name, socket address."""


def system_lookup(host: str) -> list[AddressInfo]:
    """Ask the system (hosts file, DNS, whatever it is set to); blocks. Raises OSError."""
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    return cast("list[AddressInfo]", found)


def numeric(host: str) -> list[AddressInfo] | None:
    """Read an address in any spelling the system knows, without asking anybody."""
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
    # The list is in the package, of its release's date: nothing is fetched.
    return PublicSuffixList(only_icann=True)


def registrable_domain(host: str) -> str:
    """Return the registrable domain, such as example.co.uk; a name without one stands for itself.

    Names below a provider's domain (github.io) count as the provider's: its servers answer.
    """
    name = host.lower().rstrip(".")
    return _suffixes().privatesuffix(name) or name
