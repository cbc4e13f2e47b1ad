"""A task's record in Redis: one string, whose first bytes the scripts change in place.

==========  =====  ====================================================================
bytes       type   content
==========  =====  ====================================================================
0           char   state (``codes.STATES``)
1-8         u64    Unix ms: due (scheduled), waiting since (queued), claimed (active), settled;
                   by Redis' clock, within a second if new; by the worker's if delivered
9-12        u32    attempts that count
13-14       u16    attempts interrupted by a crash
15          char   ``x``: a client cancelled the task while it was active
16          char   ``Q``: this is a record of ours, first layout
17-24       bytes  digest of the content (Task.digest)
25-26       u16    length of the lane
27-30       u32    length of the payload
31-         bytes  lane, payload (Task.encode, or a SAQ job's JSON)
then        bytes  u16 length and the last attempt (Attempt, MessagePack); in the same form those
                   before it, newest first; u16 zero
==========  =====  ====================================================================

Numbers are big-endian. ``prelude.lua`` reads and writes the same layout.
"""

from __future__ import annotations

import itertools
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from ...errors import UnreadableRecordError
from ...task import Attempt, State, Task
from .codes import CANCEL_NONE, CANCEL_REQUESTED, STATE_QUEUED, STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Record", "immutable_part", "mutable_header", "pack_attempt", "queued_record",
    "unpack_attempts",
]  # fmt: skip

MUTABLE = struct.Struct(">cQIHc")
IMMUTABLE = struct.Struct(">c8sHI")
HEADER_BYTES = MUTABLE.size + IMMUTABLE.size
MAGIC = b"Q"
SINCE_AT = 1
"""Offset of the time from which the task is in its state."""
_MAX_TEXT_CHARACTERS = 4096
"""Max characters of an attempt's error and of its response that are kept."""
MAX_ATTEMPTS = 20
"""Attempts that a record holds."""
MAX_HISTORY_BYTES = MAX_ATTEMPTS * 150
"""Bytes of the attempts before the last with which they may still hold their responses."""
_OLDER_ERROR_CHARACTERS = 40
_END = b"\0\0"
_ROOM_BYTES = 256
_attempts = msgspec.msgpack.Decoder(Attempt)
_encoder = msgspec.msgpack.Encoder()


def queued_record(lane: str, payload: bytes, digest: bytes) -> bytes:
    """Return the record of a new queued task."""
    return immutable_part(lane, payload, digest, mutable_header(STATE_QUEUED, 0, 0))


def mutable_header(state: bytes, attempts: int, interrupted: int) -> bytes:
    """Return a record's first 16 bytes, with the current time; ``state`` is a code of STATES."""
    return MUTABLE.pack(state, round(time.time() * 1000), attempts, interrupted, CANCEL_NONE)


def immutable_part(lane: str, payload: bytes, digest: bytes, header: bytes = b"") -> bytes:
    """Return ``header`` and a record from its 17th byte on, without a last attempt."""
    name = lane.encode()
    fields = IMMUTABLE.pack(MAGIC, digest, len(name), len(payload))
    # A single join copies the payload, which may be large, only once.
    return b"".join((header, fields, name, payload))


def pack_attempt(attempt: Attempt, older: bytes = b"") -> bytes:
    """Return the bytes that keep ``attempt`` as the task's last, long texts cut.

    ``older`` are the bytes that kept the attempts before it: the last 20 in all stay. Those before
    the last keep at most the beginning of their error, and their response if it differs from the
    next one's and all of them take at most ``MAX_HISTORY_BYTES``.
    """
    if attempt.error is not None or attempt.response_excerpt is not None:
        attempt = msgspec.structs.replace(
            attempt,
            error=_shortened(attempt.error),
            response_excerpt=_shortened(attempt.response_excerpt),
        )
    parts = [*_packed(attempt), *_pack_older(attempt, older)]
    if older:
        # A record that grows is copied (``write_last_attempt``): with room it grows rarely.
        parts.append(bytes(-sum(map(len, parts)) % _ROOM_BYTES))
    return b"".join(parts)


def _packed(attempt: Attempt) -> tuple[bytes, bytes]:
    encoded = _encoder.encode(attempt)
    return struct.pack(">H", len(encoded)), encoded


def _pack_older(newest: Attempt, older: bytes) -> list[bytes]:
    """Return the attempts before the newest, shortened."""
    parts: list[bytes] = []
    ends = list(itertools.islice(_ends(older), MAX_ATTEMPTS - 1))
    if not ends:
        return parts
    with suppress(msgspec.DecodeError):
        last = _attempts.decode(older[2 : ends[0]])
        parts += [*_packed(_shortened_attempt(last, newest)), older[ends[0] : ends[-1]]]
        if sum(map(len, parts)) > MAX_HISTORY_BYTES:
            parts = _within_bytes(b"".join(parts))
    parts.append(_END)
    return parts


def _shortened_attempt(last: Attempt, newest: Attempt) -> Attempt:
    """Return what is kept of the attempt before the newest."""
    repeats = last.response_excerpt is not None and last.response_excerpt == newest.response_excerpt
    short = msgspec.structs.replace(
        last, retry_after_ms=None, left_out=0, changes=0, repeats=repeats,
        error=last.error and last.error[:_OLDER_ERROR_CHARACTERS],
    )  # fmt: skip
    return _without_response(short) if repeats else short


def _without_response(attempt: Attempt) -> Attempt:
    return msgspec.structs.replace(attempt, response_excerpt=None, response_headers=None)


def _within_bytes(packed: bytes) -> list[bytes]:
    """Return packed attempts, newest first, without the responses for which there is no room."""
    parts: list[bytes] = []
    begin, left = 0, MAX_HISTORY_BYTES
    for end in _ends(packed):
        attempt = packed[begin:end]
        if len(attempt) > left:
            attempt = b"".join(_packed(_without_response(_attempts.decode(attempt[2:]))))
        parts.append(attempt)
        begin, left = end, left - len(attempt)
    return parts


def _ends(packed: bytes) -> Iterator[int]:
    """Return where each attempt ends."""
    at = 0
    while at + 2 < len(packed):
        length = int.from_bytes(packed[at : at + 2], "big")
        at += 2 + length
        if not length or at > len(packed):
            return
        yield at


def unpack_attempts(packed: bytes) -> list[Attempt]:
    """Return the attempts that a record holds, the newest at the end.

    The release before this one keeps the last attempt alone, and may leave bytes of others behind.
    """
    found: list[Attempt] = []
    begin = 0
    with suppress(msgspec.DecodeError):
        for end in itertools.islice(_ends(packed), MAX_ATTEMPTS):
            attempt = _attempts.decode(packed[begin + 2 : end])
            if attempt.repeats and found:
                excerpt = found[-1].response_excerpt
                attempt = msgspec.structs.replace(attempt, response_excerpt=excerpt, repeats=False)
            found.append(attempt)
            begin = end
    return found[::-1]


def _shortened(text: str | None) -> str | None:
    # A text that is too long or cannot be encoded must not prevent the settlement.
    return None if text is None else text[:_MAX_TEXT_CHARACTERS].encode(errors="replace").decode()


class Record(msgspec.Struct, gc=False):
    """A decoded record."""

    state: State
    at_ms: int
    attempts: int
    interrupted: int
    cancel_requested: bool
    digest: bytes
    lane: str
    payload: bytes
    packed_attempts: bytes
    """Empty if no attempt has ended."""
    last_attempt_at: int
    """Offset of the last attempt in the record, in bytes."""

    @staticmethod
    def unpack(raw: bytes) -> Record:
        """Read a record; raises UnreadableRecordError if it is not one of ours."""
        try:
            state, at_ms, attempts, interrupted, cancel = MUTABLE.unpack_from(raw)
            magic, digest, lane_bytes, payload_bytes = IMMUTABLE.unpack_from(raw, MUTABLE.size)
            if magic != MAGIC:
                raise ValueError(magic)
            payload_at = HEADER_BYTES + lane_bytes
            last_attempt_at = payload_at + payload_bytes
            lane = raw[HEADER_BYTES:payload_at].decode()
            return Record(
                STATES[state], at_ms, attempts, interrupted, cancel == CANCEL_REQUESTED, digest,
                lane, raw[payload_at:last_attempt_at], raw[last_attempt_at:], last_attempt_at,
            )  # fmt: skip
        except (struct.error, ValueError, KeyError) as error:
            msg = f"the task's record is not one of ours: {error}"
            raise UnreadableRecordError(msg) from error

    def task(self) -> Task:
        """Decode the payload; raises UnreadableRecordError."""
        return Task.decode(self.payload)

    def take_task(self) -> Task:
        """Decode the payload and drop it: the task needs no second copy of its body."""
        task = self.task()
        self.payload = b""
        return task

    def last_attempt(self) -> Attempt | None:
        """Return the last attempt; None if none has ended yet, or it cannot be read."""
        packed = self.packed_attempts
        if len(packed) < 3:
            return None
        try:
            return _attempts.decode(packed[2 : 2 + int.from_bytes(packed[:2], "big")])
        except msgspec.DecodeError:
            return None
