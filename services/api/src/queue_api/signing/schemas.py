"""Signing secrets in requests and responses, as types."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["Secret", "SecretCreate", "SecretCreated", "Secrets"]

_BASE64 = "[A-Za-z0-9+/]"
WHSEC_PATTERN = (
    f"^whsec_(?:(?:{_BASE64}{{4}}){{8,20}}(?:{_BASE64}{{2}}==|{_BASE64}{{3}}=)?"
    f"|(?:{_BASE64}{{4}}){{21}}(?:{_BASE64}{{2}}==)?)$"
)
"""24 to 64 bytes."""


class SecretCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A secret to be kept; without one, one is made."""

    secret: (
        Annotated[
            str,
            Meta(
                description="whsec_ and 24 to 64 bytes in base64.",
                extra_json_schema={"pattern": WHSEC_PATTERN},
                examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            ),
        ]
        | UnsetType
    ) = UNSET


class Secret(msgspec.Struct, frozen=True):
    """A secret, without its bytes."""

    id: str
    created_at: str
    readable: bool
    """If not, ENCRYPTION_KEYS lacks its key here: the project's requests fail, and are repeated,
    until the key is back or the secret is deleted."""


class SecretCreated(Secret, frozen=True):
    """A secret; this is the only time it is told."""

    secret: str


class Secrets(msgspec.Struct, frozen=True):
    """The secrets that a project's requests are signed with, the newest first."""

    signing_secrets: list[Secret]
