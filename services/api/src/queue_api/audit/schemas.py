"""The types of responses about the audit."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["AuditEntry", "AuditPage"]


class AuditEntry(msgspec.Struct, frozen=True):
    """A management action."""

    id: str
    at: str
    key_id: str | None
    """The key's name; ``root`` for API_ROOT_KEY, null if the API checks no keys."""
    key_name: str | None
    project: str
    """The project that the request was for."""
    action: str
    target: str
    """The object of the action."""
    details: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, newest first."""

    entries: list[AuditEntry]
    cursor: str | None
