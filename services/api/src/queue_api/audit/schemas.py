"""The audit in responses, as types."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["AuditEntry", "AuditPage"]


class AuditEntry(msgspec.Struct, frozen=True):
    """A management action."""

    id: str
    at: str
    key_id: str | None
    """Whose key it was; ``root`` for API_ROOT_KEY, null if the API checks no keys."""
    key_name: str | None
    project: str
    """The project that the request was for."""
    action: str
    target: str
    """What it was done to."""
    details: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, the newest first."""

    entries: list[AuditEntry]
    cursor: str | None
