"""Detects this machine's own addresses: traffic to them passes no firewall."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .addresses import read_address, spellings

if TYPE_CHECKING:
    from .addresses import Address

__all__ = ["is_own_address"]

# Addresses for documentation (RFC 5737, RFC 3849), which no machine has.
_NOBODYS = {4: "192.0.2.1", 6: "2001:db8::1"}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def is_own_address(address: str) -> bool:
    """Return whether the kernel delivers packets for ``address``, in any spelling, to this machine.

    Binding a socket shows it: that sends nothing and takes account of the current interfaces.
    """
    return any(_can_bind(form) for form in spellings(read_address(address)))


def _can_bind(address: Address) -> bool:
    # With ip_nonlocal_bind the kernel accepts any address: then binding proves nothing.
    version = address.version
    return _bind(version, str(address)) and not _bind(version, _NOBODYS[version])


def _bind(version: int, address: str) -> bool:
    try:
        with socket.socket(_FAMILIES[version], socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
