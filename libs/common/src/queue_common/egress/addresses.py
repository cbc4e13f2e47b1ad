"""Classifies IP addresses in any spelling. Pure: no I/O, no settings."""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "LOOPBACK",
    "NEVER",
    "Address",
    "Network",
    "contains",
    "is_special",
    "is_transparent",
    "read_address",
    "spellings",
    "written_address",
]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


NEVER = _networks(
    "169.254.0.0/16",  # link-local; AWS, Azure, GCP, Oracle, DigitalOcean, OpenStack metadata
    "fe80::/10",  # link-local
    "100.100.100.200/32",  # Alibaba Cloud
    "192.0.0.192/32",  # Oracle Cloud, older images
    "168.63.129.16/32",  # Azure's host agent, among public addresses
    "fd00:ec2::/32",  # AWS: instance metadata, pod identity, DNS, NTP
    "fd20:ce::254/128",  # GCP
    "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
    "fd00:42::42/128",  # Scaleway
)
"""Link-local and cloud-metadata addresses: any client gets credentials there."""

LOOPBACK = _networks("127.0.0.0/8", "::1/128")

# IANA's special-purpose registries: networks that are not globally reachable.
_SPECIAL_IPV4 = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# In IPv6 only 2000::/3 is public, except for these parts of it.
_GLOBAL_IPV6 = _networks("2000::/3")
_SPECIAL_IPV6 = _networks("2001::/23", "2001:db8::/32", "3fff::/20")

# Packets to these go to the IPv4 address inside, so only that one is classified.
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TRANSPARENT = (_MAPPED, _TRANSLATED, _NAT64, _SIX_TO_FOUR)
# These contain an IPv4 address too, and are special themselves.
_COMPATIBLE = IPv6Network("::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_TEREDO = IPv6Network("2001::/32")
_ISATAP_INTERFACES = frozenset({0x5EFE, 0x2005EFE})


def read_address(text: str) -> Address:
    """Read an address of getaddrinfo or of a socket, without its zone. Raises ValueError."""
    return ipaddress.ip_address(text.partition("%")[0])


def written_address(host: str) -> tuple[str, ...]:
    """Return the address in ``host`` in its usual spelling; nothing if ``host`` is a name.

    Hexadecimal, octal and short forms of IPv4 are read as the system's resolver reads them.
    """
    if ":" in host:
        return (host.partition("%")[0],)
    if not host[:1].isdigit():
        return ()
    try:
        return (socket.inet_ntoa(socket.inet_aton(host)),)
    except OSError:
        return ()


def contains(networks: Iterable[Network], address: Address) -> bool:
    """Return whether one of ``networks`` contains ``address``."""
    return any(address in network for network in networks)


def is_special(address: Address) -> bool:
    """Return whether ``address`` is outside the public internet.

    The IPv4 address inside a transparent one is not looked at: see ``spellings``.
    """
    if isinstance(address, IPv4Address):
        return contains(_SPECIAL_IPV4, address)
    if is_transparent(address):
        return False
    return not contains(_GLOBAL_IPV6, address) or contains(_SPECIAL_IPV6, address)


def is_transparent(address: Address) -> bool:
    """Return whether packets to ``address`` go to the IPv4 address inside it."""
    return contains(_TRANSPARENT, address)


def spellings(address: Address) -> tuple[Address, ...]:
    """Return ``address`` and every IPv4 address that a gateway may extract from it."""
    if isinstance(address, IPv4Address):
        return (address,)
    return (address, *dict.fromkeys(_embedded(address)))


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    value = int(address)
    if contains((_MAPPED, _TRANSLATED, _NAT64, _COMPATIBLE, _LOCAL_NAT64), address):
        yield IPv4Address(value & 0xFFFFFFFF)
    if address in _LOCAL_NAT64:
        # RFC 6052 with a prefix of 48 bits: 16 bits, a byte of zeros, 16 bits.
        yield IPv4Address((value >> 64 & 0xFFFF) << 16 | value >> 40 & 0xFFFF)
    if address in _SIX_TO_FOUR:
        yield IPv4Address(value >> 80 & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(value >> 64 & 0xFFFFFFFF)
        yield IPv4Address(~value & 0xFFFFFFFF)
    if value >> 32 & 0xFFFFFFFF in _ISATAP_INTERFACES:
        yield IPv4Address(value & 0xFFFFFFFF)
