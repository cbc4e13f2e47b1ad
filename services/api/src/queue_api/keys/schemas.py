"""The types of requests and responses about keys."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..auth import Scope

__all__ = ["Key", "KeyCreate", "KeyCreated", "KeyPage"]

MAX_HOSTS = 100
HOST_PATTERN = r"^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$"
"""A simplified pattern for readers of the document: it lacks names of one label."""
PROJECT_PATTERN = "^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$"

Project = Annotated[
    str,
    Meta(
        description="The project whose tasks the key is for; default: the request's own.",
        extra_json_schema={"pattern": PROJECT_PATTERN},
        examples=["billing"],
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="Tells people what it is for.",
        extra_json_schema={"pattern": r"^[^\x00-\x1f\x7f]*$"},
    ),
]
Scopes = Annotated[
    list[Scope],
    Meta(min_length=1, max_length=len(Scope), extra_json_schema={"uniqueItems": True}),
]
Hosts = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"pattern": HOST_PATTERN})]],
    Meta(
        min_length=1,
        max_length=MAX_HOSTS,
        description="The only hosts that its tasks may go to.",
        examples=[["hooks.example.com", "*.example.com"]],
    ),
]


class KeyCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A key to create."""

    name: Name
    scopes: Scopes
    project: Project | UnsetType = UNSET
    expires_at: (
        Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | UnsetType | None
    ) = UNSET
    """The key is refused from then on; default: never."""
    allowed_hosts: Hosts | UnsetType | None = UNSET


class Key(msgspec.Struct, frozen=True):
    """A key, without its secret."""

    id: str
    name: str
    project: str
    scopes: list[Scope]
    allowed_hosts: list[str] | None
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    """Rounded to the minute, and up to 15 s late."""


class KeyCreated(Key, frozen=True):
    """A key with its secret, which is shown once."""

    key: str
    """Send it as ``Authorization: Bearer …``."""


class KeyPage(msgspec.Struct, frozen=True):
    """Keys, newest first."""

    keys: list[Key]
    cursor: str | None
