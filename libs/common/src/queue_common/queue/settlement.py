"""What a decision becomes in Redis: the arguments of ``settle.lua`` for one claim."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import msgspec

from ..retry import Dead, Decision, Done, RetryAt
from ..task import Attempt, Outcome
from .storage.record import fixed_part, front_part, pack_tail

if TYPE_CHECKING:
    from .claim import Claim
    from .storage.scripts import Argument

__all__ = ["arguments", "defer", "release", "settlement"]

_NO_DIGEST = bytes(8)
_NO_ATTEMPT = frozenset({Outcome.UNREADABLE, Outcome.EXPIRED})
_BAD = frozenset({
    Outcome.TIMEOUT, Outcome.DNS_ERROR, Outcome.CONNECT_ERROR, Outcome.TLS_ERROR,
    Outcome.CONNECTION_LOST, Outcome.HTTP_ERROR,
})  # fmt: skip
_OVERLOADED = frozenset({429, 503})
ADDRESS_IS_BAD = b"d"
_ACTIONS = {Done: b"k", RetryAt: b"s", Dead: b"d"}
_ORDER = struct.Struct(">cQIHIIc")
"""As ``settle.lua`` reads it."""


def settlement(
    claim: Claim, attempt: Attempt, decision: Decision, result_ttl_ms: int,
    payload: bytes | None = None,
) -> tuple[Argument, ...]:  # fmt: skip
    """Return what ends ``claim`` after ``attempt`` as decided.

    ``payload`` takes the place of what the task carries.
    """
    ms = 0
    if isinstance(decision, RetryAt):
        ms = max(decision.due_at_ms - round(time.time() * 1000), 0)
    elif isinstance(decision, Done):
        ms = result_ttl_ms
    if attempt.outcome is Outcome.EGRESS_REFUSED:
        error = f"{attempt.error}; headers and body were not kept"
        attempt = msgspec.structs.replace(attempt, error=error)
    rest = _rest(claim, attempt, decision, payload)
    return arguments(claim, _ACTIONS[type(decision)], ms, rest, attempt)


def release(claim: Claim) -> tuple[Argument, ...]:
    """Return what puts a claim back to the front of its lane, uncounted, as if never claimed."""
    return arguments(claim, b"b", claim.waiting_since_ms, b"", None)


def defer(claim: Claim) -> tuple[Argument, ...]:
    """Return what puts a claim back as ``release`` does, its lane being unhealthy from now on."""
    return arguments(claim, b"b", claim.waiting_since_ms, b"", None, told=ADDRESS_IS_BAD)


def _told(claim: Claim, attempt: Attempt | None) -> bytes:
    """Return what an attempt tells of its lane, as ``settle.lua`` has it."""
    if attempt is None:
        return b"-"
    if attempt.outcome is Outcome.DELIVERED or _responds(attempt):
        return b"p" if claim.on_trial else b"g"
    return b"b" if attempt.outcome in _BAD else b"-"


def _responds(attempt: Attempt) -> bool:
    return attempt.outcome is Outcome.HTTP_ERROR and attempt.status_code not in _OVERLOADED


def _rest(claim: Claim, attempt: Attempt, decision: Decision, payload: bytes | None) -> bytes:
    """Return what takes the place of the record; nothing: it is kept."""
    if payload is not None:
        return fixed_part(claim.lane, payload, claim.record.digest if claim.record else _NO_DIGEST)
    if claim.record is None:
        # Not a record of ours: kept as it is, inside one of ours.
        return fixed_part(claim.lane, claim.raw, _NO_DIGEST)
    # Anyone can send tasks that the egress guard refuses: they must not fill Redis.
    refused = isinstance(decision, Dead) and attempt.outcome is Outcome.EGRESS_REFUSED
    if claim.task is not None and (refused or isinstance(decision, Done)):
        return fixed_part(claim.lane, claim.task.compact().encode(), claim.record.digest)
    return b""


def arguments(
    claim: Claim, action: bytes, ms: int, rest: bytes, attempt: Attempt | None,
    *, told: bytes | None = None,
) -> tuple[Argument, ...]:  # fmt: skip
    """Return ``settle.lua``'s arguments for one claim; its head comment says what they mean."""
    made = attempt is not None and attempt.outcome not in _NO_ATTEMPT
    attempts = claim.attempt if made else claim.attempt - 1
    # An attempt that ended, however it did, shows that the task does not kill its worker.
    interrupted = 0 if action == b"s" else claim.interrupted
    offset = claim.record.tail_at if claim.record else 0
    tail = b"" if attempt is None else pack_tail(attempt)
    if rest:
        rest = front_part(b"k", attempts, interrupted) + rest
    order = _ORDER.pack(
        action, ms, attempts, interrupted, offset, len(rest), told or _told(claim, attempt)
    )
    return claim.task_id, order, rest + tail
