"""For who receives requests: whether a signature is right (Standard Webhooks).

>>> from queue_client.receive import verify
>>> verify(request.headers, request.body, "whsec_…")
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping

__all__ = ["SignatureError", "sign", "verify"]

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
VERSION = "v1"
TOLERANCE_SECONDS = 300


class SignatureError(Exception):
    """The request is not from who knows the secret, or is too old."""


def verify(
    headers: Mapping[str, str], body: bytes | str, secret: str | Iterable[str], *,
    tolerance: float = TOLERANCE_SECONDS, now: float | None = None,
) -> None:  # fmt: skip
    """Return if the signature is right; raises SignatureError if it is not.

    ``body`` is the body as it came, before any parsing. Several secrets are all tried, so that one
    may take the place of another. ``tolerance``: seconds that sender and receiver may be apart;
    what is older may be a repetition by somebody else. The comparison takes constant time.
    """
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not given.get(name)]
    if missing:
        msg = f"the request has no {' and no '.join(missing)}: it is not signed"
        raise SignatureError(msg)
    _check_age(given[TIMESTAMP], time.time() if now is None else now, tolerance)
    signatures = _signatures(given[SIGNATURE])
    secrets = [secret] if isinstance(secret, str) else [*secret]
    matches = [
        hmac.compare_digest(_signature(one, given[ID], given[TIMESTAMP], body), signature)
        for one in secrets
        for signature in signatures
    ]
    if not any(matches):
        msg = f"none of the {len(signatures)} signatures is of this body and secret"
        raise SignatureError(msg)


def sign(
    body: bytes | str, secret: str, *, message_id: str, timestamp: int | None = None
) -> dict[str, str]:
    """Return the headers that the queue sends with ``body``: for tests of a receiver."""
    at = str(int(time.time()) if timestamp is None else timestamp)
    signature = base64.b64encode(_signature(secret, message_id, at, body)).decode()
    return {ID: message_id, TIMESTAMP: at, SIGNATURE: f"{VERSION},{signature}"}


def _check_age(timestamp: str, now: float, tolerance: float) -> None:
    try:
        age = now - int(timestamp)
    except ValueError:
        msg = f"{TIMESTAMP} is {timestamp!r}, should be seconds since 1970"
        raise SignatureError(msg) from None
    if abs(age) > tolerance:
        when = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
        msg = f"the signature is {when}, over the tolerance of {tolerance:.0f} s"
        raise SignatureError(msg)


def _signatures(header: str) -> list[bytes]:
    """Return the signatures of the version that we know; others are passed over."""
    found = []
    for one in header.split():
        version, _, text = one.partition(",")
        if version == VERSION:
            try:
                found.append(base64.b64decode(text, validate=True))
            except binascii.Error:
                continue
    return found


def _signature(secret: str, message_id: str, timestamp: str, body: bytes | str) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    signed = b".".join([message_id.encode(), timestamp.encode(), content])
    return hmac.digest(_key(secret), signed, hashlib.sha256)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        msg = f"the secret should be {PREFIX} and base64"
        raise SignatureError(msg) from None
