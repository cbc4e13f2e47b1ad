"""Operations in Redis: created, claimed by one process at a time, brought forward, stopped."""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ....errors import IdempotencyConflictError, UnknownOperationError
from ....lanes import PROJECT_SEPARATOR
from ....task import new_task_id
from ...storage.connection import reply, translated
from ...storage.keys import Key
from .model import Definition, Operation, OperationState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from redis.asyncio import Redis

    from ...storage.keys import Keys
    from ...storage.scripts import Scripts

__all__ = ["CLAIM_SECONDS", "OperationPage", "OperationStore", "StepResult"]

CLAIM_SECONDS: Final = 10.0
TTL_MS: Final = 30 * 24 * 3600 * 1000
MAX_OPERATIONS: Final = 1000
"""Kept in all; the oldest that have ended go first."""

_NEW, _OTHER_CONTENT = 1, -1
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Definition)
_CURSOR = re.compile(r"([0-9]{1,15}):([^:]{1,63}):([0-9a-f-]{36})")


class StepResult(msgspec.Struct):
    """What a step adds. ``done`` is counted by the scripts that change a task, if they can."""

    scanned: int = 0
    matched: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0


class OperationPage(NamedTuple):
    """Some operations, and the cursor of the next page."""

    operations: list[Operation]
    cursor: str | None
    """None: this is the last page."""


class _Position(NamedTuple):
    """A place in the list of operations, which is sorted as positions are: ids may be hashes."""

    at_ms: int
    """When the operation began."""
    project: str
    id: str

    @classmethod
    def read(cls, cursor: str) -> _Position:
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            msg = "is not a cursor of this list"
            raise ValueError(msg)
        return cls(int(match[1]), match[2], match[3])

    def written(self) -> str:
        return ":".join(map(str, self))


def _split(member: bytes) -> tuple[str, str]:
    project, _, operation_id = member.decode().partition(PROJECT_SEPARATOR)
    return project, operation_id


def _id_of(project: str, key: str) -> str:
    digest = hashlib.blake2b(f"{project}\0{key}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


class OperationStore:
    """Reads and writes operations."""

    def __init__(self, client: Redis, scripts: Scripts, keys: Keys) -> None:
        self._client = client
        self._scripts = scripts
        self._keys = keys

    async def create(
        self, project: str, definition: Definition, *, key: str | None = None, asked: bytes = b""
    ) -> tuple[Operation, bool] | None:
        """Store an operation; return it and whether it is new, None if 1,000 go on already.

        ``key`` is the project's name for it: the same key returns the same operation. Raises
        IdempotencyConflictError if that one was asked for otherwise, as ``asked`` tells.
        """
        operation_id = str(new_task_id()) if key is None else _id_of(project, key)
        with translated():
            stored = await self._scripts.run(
                "create_operation", project, operation_id, _encoder.encode(definition), TTL_MS,
                MAX_OPERATIONS, hashlib.blake2b(asked, digest_size=16).hexdigest(),
            )  # fmt: skip
        if stored == _OTHER_CONTENT:
            msg = f"another operation has the idempotency key {key}: {operation_id}"
            raise IdempotencyConflictError(msg)
        return (await self.get(project, operation_id), stored == _NEW) if stored else None

    async def get(self, project: str, operation_id: str) -> Operation:
        """Return an operation of a project; raises UnknownOperationError."""
        member = f"{project}{PROJECT_SEPARATOR}{operation_id}"
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.zscore(self._keys.of(Key.OPERATIONS), member)
            pipeline.hgetall(self._keys.of(Key.OPERATION, operation_id))
            with translated():
                is_known, fields = await pipeline.execute()
        if is_known is None or not fields:
            msg = f"no operation has the id {operation_id}"
            raise UnknownOperationError(msg)
        return _operation(project, operation_id, fields)

    async def page(self, project: str | None, cursor: str | None, limit: int) -> OperationPage:
        """Return operations of a project, None: of all, the newest first.

        Raises ValueError for an invalid cursor.
        """
        after = None if cursor is None else _Position.read(cursor)
        with translated():
            found = await reply(
                self._client.zrevrange(self._keys.of(Key.OPERATIONS), 0, -1, withscores=True)
            )
        known = [_Position(int(at_ms), *_split(member)) for member, at_ms in found]
        rest = [
            position for position in known
            if project in {None, position.project} and (after is None or position < after)
        ]  # fmt: skip
        goes_on = rest[limit - 1].written() if len(rest) > limit else None
        return OperationPage(await self._read(rest[:limit]), goes_on)

    async def _read(self, positions: Sequence[_Position]) -> list[Operation]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for position in positions:
                pipeline.hgetall(self._keys.of(Key.OPERATION, position.id))
            with translated():
                found = await pipeline.execute()
        return [
            _operation(position.project, position.id, fields)
            for position, fields in zip(positions, found, strict=True)
            if fields
        ]

    async def stop(self, project: str, operation_id: str) -> Operation:
        """Stop an operation, at once or after its step; raises UnknownOperationError."""
        await self.get(project, operation_id)
        with translated():
            await self._scripts.run("stop_operation", project, operation_id)
        return await self.get(project, operation_id)

    async def claim(self, owner: str, without: Iterable[str] = ()) -> Operation | float:
        """Claim the operation that has waited longest for its next step.

        Those of the projects ``without`` have to wait. If none may be claimed return the seconds
        until one may, infinity if there is none.
        """
        with translated():
            found = await self._scripts.run(
                "claim_operation", owner, round(CLAIM_SECONDS * 1000), *without
            )
        if len(found) == 1:
            return math.inf if found[0] < 0 else found[0] / 1000
        project, operation_id = _split(found[0])
        fields = dict(zip(found[1][::2], found[1][1::2], strict=True))
        return _operation(project, operation_id, fields)

    async def renew(self, operation: Operation, owner: str) -> OperationState | None:
        """Renew a claim; return the operation's state, None if another process has the claim."""
        with translated():
            state = await self._scripts.run(
                "renew_operation", operation.project, operation.id, owner,
                round(CLAIM_SECONDS * 1000),
            )  # fmt: skip
        return OperationState(state.decode()) if state else None

    async def commit(
        self, operation: Operation, owner: str, cursor: str, progress: StepResult, *,
        pause: float = 0, ends_in: OperationState | None = None, error: str = "",
    ) -> None:  # fmt: skip
        """Write how far it has come, and give up its claim; nobody claims it for ``pause`` seconds.

        One that was asked to stop ends here. Nothing is written if another process has the claim.
        """
        counters = msgspec.structs.asdict(progress)
        pairs = [part for name, number in counters.items() for part in (name, number)]
        with translated():
            await self._scripts.run(
                "commit_operation", operation.project, operation.id, owner,
                math.ceil(pause * 1000), cursor, ends_in or "", error, *pairs,
            )  # fmt: skip


def _operation(project: str, operation_id: str, fields: Mapping[bytes, bytes]) -> Operation:
    def number(name: bytes) -> int:
        return int(fields.get(name, 0))

    return Operation(
        id=operation_id,
        project=project,
        definition=_decoder.decode(fields[b"definition"]),
        state=OperationState(fields[b"state"].decode()),
        cursor=fields[b"cursor"].decode(),
        scanned=number(b"scanned"),
        matched=number(b"matched"),
        done=number(b"done"),
        skipped=number(b"skipped"),
        failed=number(b"failed"),
        error=fields.get(b"error", b"").decode() or None,
        created_at_ms=number(b"created_at"),
        updated_at_ms=number(b"updated_at"),
        finished_at_ms=number(b"finished_at") or None,
    )
