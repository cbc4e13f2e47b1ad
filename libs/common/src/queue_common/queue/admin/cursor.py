"""Cursors as clients get them: opaque text that is safe in URLs."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

__all__ = ["read_text", "written_text"]


def written_text(content: bytes) -> str:
    """Return a cursor with this content."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def read_text(cursor: str) -> bytes:
    """Return the content; raises ValueError if the text is no cursor."""
    return b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
