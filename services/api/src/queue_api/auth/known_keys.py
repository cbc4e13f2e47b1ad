"""The keys created over the API, in memory."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .principal import Principal

__all__ = ["ID_BYTES", "PREFIX", "TOKEN_BYTES", "KnownKey", "KnownKeys", "digest_of"]

PREFIX = b"qk_"
ID_BYTES = 12
SECRET_BYTES = 43
TOKEN_BYTES = len(PREFIX) + ID_BYTES + 1 + SECRET_BYTES
_ID = slice(len(PREFIX), len(PREFIX) + ID_BYTES)
_SECRET_AT = len(PREFIX) + ID_BYTES + 1


def digest_of(secret: bytes) -> bytes:
    """Return the SHA-256 of a key's secret, which is stored. The secret has 256 random bits."""
    return hashlib.sha256(secret).digest()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that is not revoked."""

    digest: bytes
    principal: Principal
    expires_at: float
    """Unix time."""


class KnownKeys:
    """The valid keys, which ``keys.store`` updates."""

    def __init__(self) -> None:
        self.by_id: dict[bytes, KnownKey] = {}
        self.is_loaded = False
        """Whether the keys were read from Redis at least once."""
        self.used: set[bytes] = set()
        """Ids of the keys that were used since the last reset."""

    def find(self, token: bytes) -> Principal | None:
        """Return the key's record; None if it is unknown or expired."""
        key_id = token[_ID]
        known = self.by_id.get(key_id)
        if known is None or not hmac.compare_digest(digest_of(token[_SECRET_AT:]), known.digest):
            return None
        if time.time() >= known.expires_at or token[:3] != PREFIX or token[15:16] != b"_":
            return None
        self.used.add(key_id)
        return known.principal

    def is_valid(self, key_id: str) -> bool:
        """Return whether a key that was found before is still neither revoked nor expired."""
        known = self.by_id.get(key_id.encode())
        return known is not None and time.time() < known.expires_at
