"""The type of the response about the caller."""

from __future__ import annotations

from typing import Literal

import msgspec

from .principal import Scope

__all__ = ["Me"]


class Me(msgspec.Struct, frozen=True):
    """The caller's key and rights."""

    key_id: str | None
    """None if the API checks no keys; ``root`` for API_ROOT_KEY."""
    name: str | None
    project: str
    """The project of the request."""
    scopes: list[Scope]
    """The scopes, with all that they include."""
    auth: Literal["key", "root", "off"]
    """The kind of authentication."""
