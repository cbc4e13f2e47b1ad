"""Lanes: the queues in the queue. A destination that hangs delays only its own lane.

A lane belongs to a project. Inside the queue a lane's name begins with its project and a separator;
lanes of the project ``default`` have no such prefix.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = [
    "DEFAULT_PROJECT", "PROJECT_SEPARATOR", "host_of", "lane_in", "lane_of", "shown_url",
    "split_lane",
]  # fmt: skip

DEFAULT_PROJECT = "default"
PROJECT_SEPARATOR = "\x1f"
"""ASCII's unit separator: no project and no host contains it, and it sorts before both."""

ORIGIN_CACHE_SIZE = 4096
_ORIGIN = re.compile(r"[A-Za-z]+://[^/?#]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def lane_of(url: str) -> str:
    """Return the lane of an absolute http(s) URL: its ``host:port`` in lower case.

    The scheme's default port is used if the URL has none. IPv6 hosts keep their brackets.
    """
    origin = _ORIGIN.match(url)
    return _lane(origin[0] if origin else url)


def host_of(url: str) -> str:
    """Return the host of an absolute http(s) URL in lower case; IPv6 keeps its brackets."""
    return lane_of(url).rpartition(":")[0]


@lru_cache(maxsize=ORIGIN_CACHE_SIZE)
def _lane(origin: str) -> str:
    parts = urlsplit(origin)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def lane_in(project: str, lane: str) -> str:
    """Return the queue's name for a project's lane."""
    return lane if project == DEFAULT_PROJECT else f"{project}{PROJECT_SEPARATOR}{lane}"


def split_lane(queue_lane: str) -> tuple[str, str]:
    """Return the project and the lane of the queue's name for it; the inverse of ``lane_in``."""
    project, separator, lane = queue_lane.partition(PROJECT_SEPARATOR)
    return (project, lane) if separator else (DEFAULT_PROJECT, queue_lane)


def shown_lane(queue_lane: str) -> str:
    """Return a lane as people see it: ``project/lane``, or a lane of ``default`` as it is."""
    return queue_lane.replace(PROJECT_SEPARATOR, "/", 1)


def shown_url(url: str) -> str:
    """Return a URL without its query string, which may hold secrets."""
    before, mark, _ = url.partition("?")
    return f"{before}?…" if mark else before
