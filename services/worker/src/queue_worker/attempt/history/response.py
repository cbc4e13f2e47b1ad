"""Shortens responses for the history: headers without secrets, and the beginning of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queue_common.redaction import REDACTED, is_secret_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...transport.messages import Header

__all__ = ["kept_headers"]

MAX_HEADERS = 20
MAX_HEADER_BYTES = 200
MAX_BYTES = 1024


def kept_headers(headers: Sequence[Header]) -> dict[str, str]:
    """Return the first 20 headers of a response, up to 1 KiB; long values are cut."""
    kept: dict[str, str] = {}
    left = MAX_BYTES
    for raw_name, raw_value in headers[:MAX_HEADERS]:
        name = raw_name.decode("latin-1")
        value = raw_value[:MAX_HEADER_BYTES].decode("latin-1")
        left -= len(name) + len(value)
        if left < 0:
            break
        kept[name] = REDACTED if is_secret_header(name) else value
    return kept
