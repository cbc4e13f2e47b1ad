"""Secrets and signatures of the Standard Webhooks specification (version 1, symmetric)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HEADERS", "Secret", "new_secret", "parse_secret", "signature_headers"]

Secret = NewType("Secret", bytes)

PREFIX = "whsec_"
NEW_SECRET_BYTES = 32
MIN_BYTES, MAX_BYTES = 24, 64
"""As the specification has them."""
HEADERS = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
"""In lower case. A task cannot set them itself."""


def new_secret() -> str:
    """Return a new secret: ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def parse_secret(text: str) -> Secret:
    """Return the bytes of a secret; raises ValueError that does not repeat it."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
        msg = f"should be whsec_ and {MIN_BYTES} to {MAX_BYTES} bytes in standard base64"
        raise ValueError(msg)
    return Secret(key)


def signature_headers(
    keys: Iterable[Secret], message_id: str, timestamp: int, body: bytes
) -> list[tuple[bytes, bytes]]:
    """Return the three headers; the signature is made with each key, for receivers that rotate.

    ``timestamp`` is the attempt's, in Unix seconds; ``body`` the exact bytes that are sent.
    """
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signatures = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    return [
        (b"webhook-id", message_id.encode()),
        (b"webhook-timestamp", b"%d" % timestamp),
        (b"webhook-signature", b" ".join(signatures)),
    ]
