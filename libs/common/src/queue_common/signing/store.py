"""The signing secrets that projects made over the API."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog

from ..cancellation import cancel_and_wait
from ..errors import QueueSystemError, UnreadableRecordError
from ..queue import Key
from ..watched import FullError, WatchedHash
from .signature import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from ..queue import TaskQueue
    from ..sealing import Sealer

__all__ = ["MAX_SECRETS", "SigningRecord", "SigningSecrets", "UnreadableSecretError"]

MAX_SECRETS = 10
"""Of a project: a request is signed with each."""
MAX_ALL_SECRETS = 10_000

logger = structlog.stdlib.get_logger(__name__)


class UnreadableSecretError(QueueSystemError):
    """A project's requests cannot be signed: the key of one of its secrets is missing here."""


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
        self.unreadable: dict[str, str] = {}
        """Ids of the records whose secret cannot be read, with the reason."""
        self._by_project: dict[str, tuple[Secret, ...]] = {}
        self._refused: dict[str, str] = {}
        """Projects with an unreadable secret, with the reason."""
        self._loaded = asyncio.Event()
        self.is_unused = False
        """No request is signed: there is no secret."""

    def of(self, project: str) -> tuple[Secret, ...]:
        """Return what a project's requests are signed with, the newest secret first.

        Raises UnreadableSecretError if one of them cannot be read: a request without its signature
        may be what the receiver refuses for good, or worse, accepts.
        """
        if project in self._refused:
            raise UnreadableSecretError(self._refused[project])
        return self._by_project.get(project, self._defaults)

    async def until_loaded(self) -> None:
        """Return once the secrets were read: nothing may go out unsigned before."""
        await self._loaded.wait()

    @property
    def is_loaded(self) -> bool:
        """Whether the secrets were read from Redis at least once."""
        return self._hash.is_loaded

    def _take(self, entries: Mapping[str, bytes]) -> None:
        self.records = dict(_readable_records(entries))
        self.unreadable, self._refused = {}, {}
        found: dict[str, list[tuple[int, Secret]]] = {}
        for secret_id, record in self.records.items():
            try:
                entry = record.created_at_ms, self._secret_of(record)
            except UnreadableRecordError as error:
                reason = f"the signing secret {secret_id} cannot be read: {error}"
                logger.error("signing_secret.unreadable", id=secret_id, reason=str(error))
                self.unreadable[secret_id] = self._refused[record.project] = reason
            else:
                found.setdefault(record.project, []).append(entry)
        self._by_project = {
            project: tuple(secret for _, secret in sorted(entries, reverse=True))
            for project, entries in found.items()
        }
        self.is_unused = not (self._by_project or self._defaults or self._refused)
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


def _readable_records(entries: Mapping[str, bytes]) -> Iterator[tuple[str, SigningRecord]]:
    for secret_id, raw in entries.items():
        try:
            yield secret_id, _decoder.decode(raw)
        except msgspec.DecodeError as error:
            logger.error("signing_secret.unreadable", id=secret_id, reason=str(error))
