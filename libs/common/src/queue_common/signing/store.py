"""The signing secrets that projects made over the API."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog

from ..cancellation import cancel_and_wait
from ..errors import UnreadableRecordError
from ..queue import Key
from ..watched import FullError, WatchedHash
from .signature import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ..queue import TaskQueue
    from ..sealing import Sealer

__all__ = ["MAX_SECRETS", "SigningRecord", "SigningSecrets"]

MAX_SECRETS = 10
"""Of a project: a request is signed with each."""
MAX_ALL_SECRETS = 10_000

logger = structlog.stdlib.get_logger(__name__)


class SigningRecord(msgspec.Struct, frozen=True):
    """A secret as it is kept in Redis. New fields are added with a default."""

    id: str
    project: str
    secret: bytes
    """Sealed if there are ENCRYPTION_KEYS."""
    created_at_ms: int
    is_sealed: bool = False


_decoder = msgspec.msgpack.Decoder(SigningRecord)


class SigningSecrets:
    """The secrets of each project; kept up to date while they are watched."""

    def __init__(self, queue: TaskQueue, defaults: tuple[Secret, ...], sealer: Sealer) -> None:
        """Sign with ``defaults`` for projects that have no secret of their own."""
        self._defaults = defaults
        self._sealer = sealer
        self._hash = WatchedHash(
            queue, Key.SIGNING_SECRETS, self._take, max_entries=MAX_ALL_SECRETS
        )
        self.records: dict[str, SigningRecord] = {}
        """By id, as last read."""
        self._by_project: dict[str, tuple[Secret, ...]] = {}
        self._loaded = asyncio.Event()
        self.is_unused = False
        """No request is signed: there is no secret."""

    def of(self, project: str) -> tuple[Secret, ...]:
        """Return what a project's requests are signed with, the newest secret first."""
        return self._by_project.get(project, self._defaults)

    async def until_loaded(self) -> None:
        """Return once the secrets were read: nothing may go out unsigned before."""
        await self._loaded.wait()

    @property
    def is_loaded(self) -> bool:
        """Whether the secrets were read from Redis at least once."""
        return self._hash.is_loaded

    def _take(self, entries: Mapping[str, bytes]) -> None:
        self.records = {}
        found: dict[str, list[tuple[int, Secret]]] = {}
        for secret_id, raw in entries.items():
            try:
                record = _decoder.decode(raw)
                secret = self._secret_of(record)
            except (msgspec.DecodeError, UnreadableRecordError) as error:
                logger.error("signing_secret.unreadable", id=secret_id, reason=str(error))
                continue
            self.records[secret_id] = record
            found.setdefault(record.project, []).append((record.created_at_ms, secret))
        self._by_project = {
            project: tuple(secret for _, secret in sorted(entries, reverse=True))
            for project, entries in found.items()
        }
        self.is_unused = not (self._by_project or self._defaults)
        self._loaded.set()

    def _secret_of(self, record: SigningRecord) -> Secret:
        if not record.is_sealed:
            return Secret(record.secret)
        return Secret(self._sealer.open(record.secret, record.id.encode()))

    async def add(self, secret_id: str, project: str, secret: Secret) -> SigningRecord:
        """Keep a secret; raises FullError, QueueUnavailableError."""
        await self.refresh()
        if sum(record.project == project for record in self.records.values()) >= MAX_SECRETS:
            msg = f"the project has {MAX_SECRETS} already"
            raise FullError(msg)
        sealed = self._sealer.seals
        kept = self._sealer.seal(secret, secret_id.encode()) if sealed else bytes(secret)
        record = SigningRecord(secret_id, project, kept, round(time.time() * 1000), sealed)
        await self._hash.put(secret_id, msgspec.msgpack.encode(record))
        return record

    async def remove(self, secret_id: str) -> bool:
        """Forget a secret; return whether it was there. Raises QueueUnavailableError."""
        return await self._hash.remove(secret_id)

    async def refresh(self) -> None:
        """Read what has changed; raises QueueUnavailableError."""
        await self._hash.refresh()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep the secrets up to date."""
        watching = asyncio.create_task(self._hash.watch())
        try:
            yield
        finally:
            await cancel_and_wait([watching])
