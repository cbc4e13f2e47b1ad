"""What the API tells of the caller, as a type."""

from __future__ import annotations

from typing import Literal

import msgspec

from .principal import Scope

__all__ = ["Me"]


class Me(msgspec.Struct, frozen=True):
    """Who the caller is."""

    key_id: str | None
    """None if the API checks no keys; ``root`` for API_ROOT_KEY."""
    name: str | None
    project: str
    """The project that the request is for."""
    scopes: list[Scope]
    """With those that they include."""
    auth: Literal["key", "root", "off"]
    """What the request was let in by."""
