"""The form of ENCRYPTION_KEYS."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["check_keys", "parse_keys"]

KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RULE = "should be id:key,id:key,… with keys of 32 bytes in base64 (`openssl rand -base64 32`)"


def parse_keys(text: str) -> dict[str, bytes]:
    """Return keys of 32 bytes by id; raises ValueError that does not repeat them."""
    keys: dict[str, bytes] = {}
    for entry in text.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not _ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in keys:
            raise ValueError(_RULE)
        keys[key_id] = key
    return keys


def check_keys(value: SecretStr | None) -> SecretStr | None:
    """Return the variable's value; raises ValueError."""
    if value is not None:
        parse_keys(value.get_secret_value())
    return value
