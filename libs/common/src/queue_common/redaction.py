"""Secrets in headers: their values are neither kept nor shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REDACTED", "is_secret_header", "redacted"]

REDACTED = "[redacted]"
_SECRET = re.compile(
    r"auth|cookie|token|secret|signature|password|passwd|credential|session|api-?key|access-?key"
    r"|private|jwt|csrf|xsrf|^x-.*-key$",
    re.IGNORECASE,
)


def is_secret_header(name: str) -> bool:
    """Say whether a header holds a secret, by its name."""
    return _SECRET.search(name) is not None


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as they may be shown: those that hold a secret without their value."""
    return {name: REDACTED if is_secret_header(name) else value for name, value in headers.items()}
