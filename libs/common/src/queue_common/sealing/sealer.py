"""Sealing bytes by AES-256-GCM."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..errors import UnreadableRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["Sealer"]

FORMAT = 1
NONCE_BYTES = 12


class Sealer:
    """Seals with its first key, and opens what any of its keys has sealed.

    The form: a byte 1, the length of the key's id in a byte, the id, a nonce of 12 random bytes,
    and the ciphertext with its tag of 16 bytes. A key is good for 2^32 seals.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take keys of 32 bytes by id; without one nothing is sealed."""
        self.seals = bool(keys)
        self._ciphers: dict[bytes, AESGCM] = {}
        self._header = b""
        if not keys:
            return
        # Imported where it is used: it takes 10 ms and 6 MB.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._ciphers = {key_id.encode(): AESGCM(key) for key_id, key in keys.items()}
        first = next(iter(self._ciphers))
        self._header = bytes((FORMAT, len(first))) + first
        self._first = self._ciphers[first]

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Return ``plain`` sealed; it opens only with the same ``bound_to``."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return b"".join((self._header, nonce, self._first.encrypt(nonce, plain, bound_to)))

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return what was sealed; raises UnreadableRecordError if it cannot be opened."""
        nonce_at = 2 + (sealed[1] if len(sealed) > 1 else 0)
        key_id = sealed[2:nonce_at]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != bytes((FORMAT,)) or cipher is None:
            name = key_id.decode(errors="replace")
            msg = f"it is sealed with the key {name!r}, which ENCRYPTION_KEYS does not have"
            raise UnreadableRecordError(msg)
        from cryptography.exceptions import InvalidTag

        at = nonce_at + NONCE_BYTES
        try:
            return cipher.decrypt(sealed[nonce_at:at], sealed[at:], bound_to)
        except (InvalidTag, ValueError) as error:
            name = key_id.decode(errors="replace")
            msg = f"its seal is broken: the key {name!r} is another, or Redis was changed"
            raise UnreadableRecordError(msg) from error
