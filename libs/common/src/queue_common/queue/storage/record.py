"""A task's record in Redis: one string, whose first bytes the scripts change in place.

==========  =====  ====================================================================
bytes       type   content
==========  =====  ====================================================================
0           char   state (``codes.STATES``)
1-8         u64    Unix ms: due (scheduled), waiting since (queued), claimed (active), settled;
                   by Redis' clock, within a second if new; by the worker's if delivered
9-12        u32    attempts that count
13-14       u16    attempts cut short by a crash
15          char   ``x``: a client cancelled the task while it was active
16          char   ``Q``: this is a record of ours, first layout
17-24       bytes  digest of the content (Task.digest)
25-26       u16    length of the lane
27-30       u32    length of the payload
31-         bytes  lane, payload (Task.encode, or a SAQ job's JSON)
then        bytes  u16 length and the last attempt (Attempt, MessagePack)
==========  =====  ====================================================================

Numbers are big-endian. ``prelude.lua`` reads and writes the same layout.
"""

from __future__ import annotations

import struct
import time

import msgspec

from ...errors import UnreadableRecordError
from ...task import Attempt, State, Task
from .codes import CANCEL_NONE, CANCEL_REQUESTED, STATE_QUEUED, STATES

__all__ = ["Record", "immutable_part", "mutable_header", "pack_attempt", "queued_record"]

MUTABLE = struct.Struct(">cQIHc")
IMMUTABLE = struct.Struct(">c8sHI")
HEADER_BYTES = MUTABLE.size + IMMUTABLE.size
MAGIC = b"Q"
SINCE_AT = 1
"""Offset of the time since which the task is in its state."""
_MAX_TEXT_CHARACTERS = 4096
"""Characters kept of an attempt's error and of its response."""
_attempts = msgspec.msgpack.Decoder(Attempt)
_encoder = msgspec.msgpack.Encoder()


def queued_record(lane: str, payload: bytes, digest: bytes) -> bytes:
    """Return the record of a task that waits from now on."""
    return immutable_part(lane, payload, digest, mutable_header(STATE_QUEUED, 0, 0))


def mutable_header(state: bytes, attempts: int, interrupted: int) -> bytes:
    """Return a record's first 16 bytes: in ``state``, a code of ``STATES``, since now."""
    return MUTABLE.pack(state, round(time.time() * 1000), attempts, interrupted, CANCEL_NONE)


def immutable_part(lane: str, payload: bytes, digest: bytes, header: bytes = b"") -> bytes:
    """Return a record from its 17th byte on, without a last attempt, behind ``header``."""
    name = lane.encode()
    fields = IMMUTABLE.pack(MAGIC, digest, len(name), len(payload))
    # One copy of a payload that may be large.
    return b"".join((header, fields, name, payload))


def pack_attempt(attempt: Attempt) -> bytes:
    """Return the bytes that keep ``attempt`` as the task's last, long texts cut."""
    shortened = msgspec.structs.replace(
        attempt,
        error=_shortened(attempt.error),
        response_excerpt=_shortened(attempt.response_excerpt),
    )
    encoded = _encoder.encode(shortened)
    return struct.pack(">H", len(encoded)) + encoded


def _shortened(text: str | None) -> str | None:
    # A text that cannot be encoded or does not fit must not prevent the settlement.
    return None if text is None else text[:_MAX_TEXT_CHARACTERS].encode(errors="replace").decode()


class Record(msgspec.Struct, gc=False):
    """A record as read."""

    state: State
    at_ms: int
    attempts: int
    interrupted: int
    cancel_requested: bool
    digest: bytes
    lane: str
    payload: bytes
    packed_attempt: bytes
    """Empty if no attempt has ended yet."""
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
        if len(self.packed_attempt) < 3:
            return None
        try:
            return _attempts.decode(
                self.packed_attempt[2 : 2 + int.from_bytes(self.packed_attempt[:2], "big")]
            )
        except msgspec.DecodeError:
            return None
