"""Checks of the values that name a Redis server."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

__all__ = [
    "check_address", "check_addresses", "check_file", "check_redis_url", "host_and_port",
]  # fmt: skip


def check_address(value: str) -> str:
    """Return ``host:port`` or ``[IPv6]:port``; raises ValueError for anything else."""
    host, _, port = value.rpartition(":")
    if not _is_host(host) or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        msg = "should be host:port, such as localhost:6379 or [fd00::1]:6379"
        raise ValueError(msg)
    return value


def _is_host(text: str) -> bool:
    """Return whether this is a name, an IPv4 address, or an IPv6 address in brackets."""
    if not text.startswith("["):
        return re.fullmatch(r"[^\s/@:\[\]?#%]+", text) is not None
    try:
        return text.endswith("]") and bool(IPv6Address(text[1:-1]))
    except ValueError:
        return False


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of ``host:port``, without the brackets of IPv6."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def check_addresses(value: object) -> object:
    """Return the addresses of a text that separates them by commas."""
    if not isinstance(value, str):
        return value
    return tuple(check_address(entry.strip()) for entry in value.split(",") if entry.strip())


def check_redis_url(value: SecretStr | None) -> SecretStr | None:
    """Return a URL for Redis; raises ValueError, which does not show it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value.get_secret_value())
        usable = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = "should be redis://[user:password@]host:port[/database], or rediss:// for TLS"
        raise ValueError(msg)
    return value


def check_file(value: Path | None) -> Path | None:
    """Return the path of an existing file."""
    if value is not None and not value.is_file():
        msg = "there is no such file"
        raise ValueError(msg)
    return value
