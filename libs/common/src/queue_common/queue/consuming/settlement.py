"""The arguments of ``settle.lua`` for one claim."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import msgspec

from ...retry import NO_ATTEMPT, Dead, Decision, Done, RetryAt
from ...task import Attempt, Outcome
from ..storage.codes import (
    ACTION_DEAD,
    ACTION_DELIVERED,
    ACTION_DELIVERED_WHOLE,
    ACTION_RELEASE,
    ACTION_RETRY,
    EVIDENCE_FAILS,
    EVIDENCE_NONE,
    EVIDENCE_PROVES,
    EVIDENCE_RESPONDS,
    EVIDENCE_UNREACHABLE,
    STATE_DELIVERED,
)
from ..storage.record import immutable_part, mutable_header, pack_attempt

if TYPE_CHECKING:
    from ..claim import Claim
    from ..storage.scripts import Argument

__all__ = ["attempts_after", "defer_arguments", "release_arguments", "settle_arguments"]

_NO_DIGEST = bytes(8)
# TLS_ERROR is not among them: it occupies no slot for long, and a client can cause it for others in
# the same lane, by sending https:// to a plain HTTP port.
_FAILURES = frozenset({
    Outcome.TIMEOUT, Outcome.DNS_ERROR, Outcome.CONNECT_ERROR, Outcome.CONNECTION_LOST,
    Outcome.HTTP_ERROR,
})  # fmt: skip
_OVERLOADED = frozenset({429, 503})
_MAX_MS = 0xFFFFFFFF
_ACTIONS = {Done: ACTION_DELIVERED, RetryAt: ACTION_RETRY, Dead: ACTION_DEAD}
ORDER = struct.Struct(">cQIHIIcII")
"""The format that ``settle.lua`` reads."""


def settle_arguments(
    claim: Claim, attempt: Attempt, decision: Decision, result_ttl_ms: int,
    payload: bytes | None = None, whole_ttl_ms: int = 0, follows: bytes = b"",
) -> tuple[Argument, ...]:  # fmt: skip
    """Return the arguments that end ``claim`` after ``attempt`` as decided.

    ``payload`` replaces the task's payload. A delivered task is kept in full for ``whole_ttl_ms``.
    ``follows`` is the outbox's entry.
    """
    ms = 0
    if isinstance(decision, RetryAt):
        ms = max(decision.due_at_ms - round(time.time() * 1000), 0)
        if attempt.worker is not None:
            attempt = msgspec.structs.replace(attempt, next_at_ms=decision.due_at_ms)
    elif isinstance(decision, Done):
        ms = result_ttl_ms
    if attempt.outcome is Outcome.EGRESS_REFUSED:
        error = f"{attempt.error}; headers and body were not kept"
        attempt = msgspec.structs.replace(attempt, error=error)
    replacement = _replacement(claim, attempt, decision, payload)
    if whole_ttl_ms and ms and replacement and isinstance(decision, Done):
        return _pack(
            claim, ACTION_DELIVERED_WHOLE, ms, replacement, attempt, follows=follows,
            offset=min(whole_ttl_ms, ms),
        )  # fmt: skip
    return _pack(claim, _ACTIONS[type(decision)], ms, replacement, attempt, follows=follows)


def release_arguments(claim: Claim) -> tuple[Argument, ...]:
    """Return the arguments that put a claim back at the front of its lane, without an attempt."""
    return _pack(claim, ACTION_RELEASE, claim.waiting_since_ms, b"", None)


def defer_arguments(claim: Claim) -> tuple[Argument, ...]:
    """Return the arguments of a release that also marks the claim's lane as unhealthy."""
    return _pack(
        claim, ACTION_RELEASE, claim.waiting_since_ms, b"", None, evidence=EVIDENCE_UNREACHABLE
    )


def _evidence(claim: Claim, attempt: Attempt | None) -> bytes:
    """Return what an attempt shows about the destination of its lane."""
    if attempt is None:
        return EVIDENCE_NONE
    if attempt.outcome is Outcome.DELIVERED or _responds(attempt):
        return EVIDENCE_PROVES if claim.on_trial else EVIDENCE_RESPONDS
    return EVIDENCE_FAILS if attempt.outcome in _FAILURES else EVIDENCE_NONE


def _slows_for_ms(attempt: Attempt | None) -> int:
    """Return the ms for which an overloaded destination asks for no requests."""
    if attempt is None or attempt.status_code not in _OVERLOADED:
        return 0
    return min(max(attempt.retry_after_ms or 0, 0), _MAX_MS)


def _responds(attempt: Attempt) -> bool:
    return attempt.outcome is Outcome.HTTP_ERROR and attempt.status_code not in _OVERLOADED


def _replacement(
    claim: Claim, attempt: Attempt, decision: Decision, payload: bytes | None
) -> bytes:
    """Return the new immutable part of the record; empty if the old one is kept."""
    if payload is not None:
        return immutable_part(
            claim.lane, payload, claim.record.digest if claim.record else _NO_DIGEST
        )
    if claim.record is None:
        # A foreign record becomes the payload of one of ours, unchanged.
        return immutable_part(claim.lane, claim.raw, _NO_DIGEST)
    # Any client can send tasks that the egress guard refuses: they must not fill Redis.
    refused = isinstance(decision, Dead) and attempt.outcome is Outcome.EGRESS_REFUSED
    if claim.task is not None and (refused or isinstance(decision, Done)):
        return immutable_part(claim.lane, claim.task.compact().encode(), claim.record.digest)
    return b""


def _with_history(claim: Claim, attempt: Attempt) -> bytes:
    """Return the bytes of an attempt and, if the worker keeps a history, of those before it."""
    older = claim.record.packed_attempts if claim.record and attempt.worker is not None else b""
    return pack_attempt(attempt, older)


def attempts_after(claim: Claim, attempt: Attempt | None) -> int:
    """Return the number of counted attempts after this one; None if no attempt was made."""
    made = attempt is not None and attempt.outcome not in NO_ATTEMPT
    return claim.attempt if made else claim.attempt - 1


def _pack(
    claim: Claim, action: bytes, ms: int, replacement: bytes, attempt: Attempt | None,
    *, evidence: bytes | None = None, offset: int | None = None, follows: bytes = b"",
) -> tuple[Argument, ...]:  # fmt: skip
    """Return ``settle.lua``'s arguments for one claim; its head comment describes them."""
    attempts = attempts_after(claim, attempt)
    # An attempt that ended, whatever its outcome, shows that the task does not kill its worker.
    interrupted = 0 if action == ACTION_RETRY else claim.interrupted
    if offset is None:
        offset = claim.record.last_attempt_at if claim.record else 0
    last_attempt = b"" if attempt is None else _with_history(claim, attempt)
    if replacement:
        replacement = mutable_header(STATE_DELIVERED, attempts, interrupted) + replacement
    order = ORDER.pack(
        action,
        ms,
        attempts,
        interrupted,
        offset,
        len(replacement),
        evidence or _evidence(claim, attempt),
        len(follows),
        _slows_for_ms(attempt),
    )
    return claim.task_id, order, replacement + last_attempt + follows
