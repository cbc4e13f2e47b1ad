"""The record of a key in Redis, and the creation of a new key."""

from __future__ import annotations

import secrets
import string
import time

import msgspec

from queue_common.errors import UnreadableRecordError

from ..auth.hosts import HostList
from ..auth.known_keys import ID_BYTES, PREFIX, KnownKey, digest_of
from ..auth.principal import Principal, Scope, with_implied

__all__ = ["KeyRecord", "new_key"]

_ID_LETTERS = string.ascii_lowercase + string.digits


class KeyRecord(msgspec.Struct, frozen=True):
    """A key without its secret. New fields are added with a default."""

    id: str
    digest: bytes
    """SHA-256 of the secret."""
    project: str
    name: str
    scopes: list[Scope]
    """The scopes of the request, without those they include."""
    created_at_ms: int
    expires_at_ms: int | None = None
    allowed_hosts: list[str] | None = None

    def encode(self) -> bytes:
        """Return the wire form."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def decode(raw: bytes) -> KeyRecord:
        """Read a wire form; raises UnreadableRecordError."""
        try:
            return _decoder.decode(raw)
        except msgspec.DecodeError as error:
            msg = f"the record of a key cannot be read: {error}"
            raise UnreadableRecordError(msg) from error

    def known(self) -> KnownKey:
        """Return the key for checking requests."""
        hosts = None if self.allowed_hosts is None else HostList(self.allowed_hosts)
        scopes = with_implied(self.scopes)
        principal = Principal(self.project, scopes, self.id, self.name, "key", hosts)
        ends = float("inf") if self.expires_at_ms is None else self.expires_at_ms / 1000
        return KnownKey(self.digest, principal, ends)


_decoder = msgspec.msgpack.Decoder(KeyRecord)


def new_key(
    project: str, name: str, scopes: list[Scope], *,
    expires_at_ms: int | None, allowed_hosts: list[str] | None,
) -> tuple[KeyRecord, str]:  # fmt: skip
    """Return a new key's record, and the key itself, which cannot be derived from the record."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_BYTES))
    secret = secrets.token_urlsafe(32)
    record = KeyRecord(
        key_id, digest_of(secret.encode()), project, name, scopes, round(time.time() * 1000),
        expires_at_ms, allowed_hosts,
    )  # fmt: skip
    return record, f"{PREFIX.decode()}{key_id}_{secret}"
