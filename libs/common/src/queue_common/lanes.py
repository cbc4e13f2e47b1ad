"""Lanes: the queues in the queue. A destination that hangs delays its own lane alone."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["lane_of", "shown_url"]

ORIGINS_REMEMBERED = 4096
_ORIGIN = re.compile(r"[A-Za-z]+://[^/?#]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def lane_of(url: str) -> str:
    """Return the lane of an absolute http(s) URL: its ``host:port`` in lower case.

    The scheme's port stands where the URL names none; IPv6 hosts keep their brackets.
    """
    origin = _ORIGIN.match(url)
    return _lane(origin[0] if origin else url)


@lru_cache(maxsize=ORIGINS_REMEMBERED)
def _lane(origin: str) -> str:
    parts = urlsplit(origin)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: its query string, which may hold secrets, is left out."""
    before, mark, _ = url.partition("?")
    return f"{before}?…" if mark else before
