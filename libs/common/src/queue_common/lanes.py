"""Lanes: the queues in the queue. A destination that hangs delays its own lane alone."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["lane_of", "shown_url"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def lane_of(url: str) -> str:
    """Return the lane of an absolute http(s) URL: its ``host:port`` in lower case.

    The scheme's port stands where the URL names none; IPv6 hosts keep their brackets.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: its query string, which may hold secrets, is left out."""
    before, mark, _ = url.partition("?")
    return f"{before}?…" if mark else before
