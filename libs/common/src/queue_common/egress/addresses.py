"""What an IP address is, whatever spelling it hides behind. Pure: no I/O, no settings."""

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
    "168.63.129.16/32",  # Azure's host agent, in the midst of public addresses
    "fd00:ec2::/32",  # AWS: instance metadata, pod identity, DNS, NTP
    "fd20:ce::254/128",  # GCP
    "fd00:c1::a9fe:a9fe/128",  # Oracle Cloud
    "fd00:42::42/128",  # Scaleway
)
"""Link-local and cloud-metadata addresses: credentials are given to whoever asks there."""

LOOPBACK = _networks("127.0.0.0/8", "::1/128")

# IANA's special-purpose registries: what is not globally reachable.
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
# In IPv6 all is special but 2000::/3, and within it:
_GLOBAL_IPV6 = _networks("2000::/3")
_SPECIAL_IPV6 = _networks("2001::/23", "2001:db8::/32", "3fff::/20")

# Packets to these go to the IPv4 address inside, which alone says what they are.
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TRANSPARENT = (_MAPPED, _TRANSLATED, _NAT64, _SIX_TO_FOUR)
# These hold an IPv4 address too, and are special themselves.
_COMPATIBLE = IPv6Network("::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_TEREDO = IPv6Network("2001::/32")
_ISATAP_INTERFACES = frozenset({0x5EFE, 0x2005EFE})


def read_address(text: str) -> Address:
    """Read what getaddrinfo or a socket gave, its zone left out. Raises ValueError."""
    return ipaddress.ip_address(text.partition("%")[0])


def written_address(host: str) -> tuple[str, ...]:
    """Return the address that ``host`` is, in plain spelling; nothing if it is a name.

    Hexadecimal, octal and short IPv4 count as the system's resolver reads them.
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
    """Say whether one of ``networks`` holds ``address``."""
    return any(address in network for network in networks)


def is_special(address: Address) -> bool:
    """Say whether ``address``, by itself, is not one of the public internet."""
    if isinstance(address, IPv4Address):
        return contains(_SPECIAL_IPV4, address)
    if is_transparent(address):
        return False
    return not contains(_GLOBAL_IPV6, address) or contains(_SPECIAL_IPV6, address)


def is_transparent(address: Address) -> bool:
    """Say whether ``address`` only stands for the IPv4 address inside it."""
    return contains(_TRANSPARENT, address)


def spellings(address: Address) -> tuple[Address, ...]:
    """Return ``address`` and all IPv4 addresses that a gateway would find inside it."""
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
