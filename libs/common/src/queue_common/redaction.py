"""Removes the values of secret headers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REDACTED", "is_secret_header", "redacted"]

REDACTED = "[redacted]"
CACHE_SIZE = 1024
MAX_CACHED_CHARACTERS = 64
"""A destination chooses the names of its headers: longer ones are not kept in memory."""
_SECRET = re.compile(
    r"auth|cookie|token|secret|signature|password|passwd|credential|session|sess-?id"
    r"|api[-_]?key|access[-_]?key|private|jwt|csrf|xsrf|(?:^|[-_])sid$"
    # An idempotency key is no secret, and people look for it.
    r"|(?<!idempotency)[-_]key$",
    re.IGNORECASE,
)


def is_secret_header(name: str) -> bool:
    """Return whether a header's name shows that it is secret."""
    return _is_secret(name) if len(name) <= MAX_CACHED_CHARACTERS else _matches(name)


def _matches(name: str) -> bool:
    return _SECRET.search(name) is not None


_is_secret = lru_cache(CACHE_SIZE)(_matches)


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers without the values of secret ones."""
    return {name: REDACTED if is_secret_header(name) else value for name, value in headers.items()}
