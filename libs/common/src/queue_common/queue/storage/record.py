"""A task's record in Redis: one string, whose first bytes the scripts change in place.

==========  =====  ====================================================================
bytes       type   what
==========  =====  ====================================================================
0           char   state (``STATES``)
1-8         u64    Unix ms: due (scheduled), waiting since (queued), claimed (active), settled;
                   by Redis' clock, a new task's within a second; by its worker's where delivered
9-12        u32    attempts that count
13-14       u16    attempts cut short by a crash
15          char   ``x``: a client took the task back while it was active
16          char   ``Q``: this is a record of ours, first layout
17-24       bytes  digest of the content (Task.digest)
25-26       u16    length of the lane
27-30       u32    length of the payload
31-         bytes  lane, payload (Task.encode, or a SAQ job's JSON)
then        bytes  tail: u16 length and the last attempt (Attempt, MessagePack)
==========  =====  ====================================================================

Numbers are big-endian. ``prelude.lua`` reads and writes the same layout.
"""

from __future__ import annotations

import struct
import time

import msgspec

from ...errors import UnreadableRecordError
from ...task import Attempt, State, Task

__all__ = ["STATES", "Record", "fixed_part", "front_part", "pack_tail", "queued_record"]

_MOVING = struct.Struct(">cQIHc")
_FIXED = struct.Struct(">c8sHI")
_HEADER_BYTES = _MOVING.size + _FIXED.size
_MAGIC = b"Q"
STATES = {
    b"q": State.QUEUED,
    b"u": State.QUEUED,  # as a suspect, in another place: see suspects.lua
    b"s": State.SCHEDULED,
    b"a": State.ACTIVE,
    b"d": State.DEAD,
    b"k": State.DELIVERED,
    b"x": State.CANCELLED,
}
_MAX_TEXT_CHARACTERS = 4096
"""Characters kept of an attempt's error and of its answer."""
_attempts = msgspec.msgpack.Decoder(Attempt)
_encoder = msgspec.msgpack.Encoder()


def queued_record(lane: str, payload: bytes, digest: bytes) -> bytes:
    """Return the record of a task that waits from now on."""
    return fixed_part(lane, payload, digest, front_part(b"q", 0, 0))


def front_part(state: bytes, attempts: int, interrupted: int) -> bytes:
    """Return a record's first 16 bytes: in ``state``, one of ``STATES``, since now."""
    return _MOVING.pack(state, round(time.time() * 1000), attempts, interrupted, b"-")


def fixed_part(lane: str, payload: bytes, digest: bytes, front: bytes = b"") -> bytes:
    """Return the record from its 17th byte on, without a tail; ``front`` goes before it."""
    name = lane.encode()
    fixed = _FIXED.pack(_MAGIC, digest, len(name), len(payload))
    # One copy of what may be a large payload.
    return b"".join((front, fixed, name, payload))


def pack_tail(attempt: Attempt) -> bytes:
    """Return the tail that keeps ``attempt`` as the task's last, long texts cut."""
    kept = msgspec.structs.replace(
        attempt, error=_kept(attempt.error), answer=_kept(attempt.answer)
    )
    encoded = _encoder.encode(kept)
    return struct.pack(">H", len(encoded)) + encoded


def _kept(text: str | None) -> str | None:
    # What cannot be encoded or does not fit must not keep a task from being settled.
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
    tail: bytes
    tail_at: int
    """Where in the record the tail begins, in bytes."""

    @staticmethod
    def unpack(raw: bytes) -> Record:
        """Read a record; raises UnreadableRecordError where it is not one of ours."""
        try:
            state, at_ms, attempts, interrupted, cancel = _MOVING.unpack_from(raw)
            magic, digest, lane_bytes, payload_bytes = _FIXED.unpack_from(raw, _MOVING.size)
            if magic != _MAGIC:
                raise ValueError(magic)
            payload_at = _HEADER_BYTES + lane_bytes
            tail_at = payload_at + payload_bytes
            lane = raw[_HEADER_BYTES:payload_at].decode()
            return Record(
                STATES[state], at_ms, attempts, interrupted, cancel == b"x", digest, lane,
                raw[payload_at:tail_at], raw[tail_at:], tail_at,
            )  # fmt: skip
        except (struct.error, ValueError, KeyError) as error:
            msg = f"the task's record is not one of ours: {error}"
            raise UnreadableRecordError(msg) from error

    def task(self) -> Task:
        """Decode the payload; raises UnreadableRecordError."""
        return Task.decode(self.payload)

    def take_task(self) -> Task:
        """Decode the payload and drop it: whoever holds the task needs no second copy of it."""
        task = self.task()
        self.payload = b""
        return task

    def last_attempt(self) -> Attempt | None:
        """Decode the tail; None where no attempt has ended yet, or it cannot be read."""
        if len(self.tail) < 3:
            return None
        try:
            return _attempts.decode(self.tail[2 : 2 + int.from_bytes(self.tail[:2], "big")])
        except msgspec.DecodeError:
            return None
