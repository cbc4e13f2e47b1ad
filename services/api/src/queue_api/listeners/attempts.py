"""Attempts that a listener makes: the delivery it gets, and what its result comes to."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

from msgspec import UNSET

from queue_common.options import matches_status
from queue_common.redaction import redacted
from queue_common.signing import signature_headers
from queue_common.task import Attempt, Outcome

from ..parameters import written_time
from .schemas import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queue_common.queue import Claim
    from queue_common.signing.signature import Secret
    from queue_common.task import Task

    from .schemas import ResultCreate

__all__ = [
    "attempt_of", "attempt_without_request", "delivery_of", "is_overdue", "overdue_attempt",
    "token_of",
]  # fmt: skip

DEFAULT_TIMEOUT_MS = 30_000
GRACE_MS = 2_000
"""For the result's way back."""
WORKER = "listener"
"""How a task's attempts name who made them."""
MAX_EXCERPT_BYTES = 1024
MAX_ERROR_CHARACTERS = 300
MAX_HEADERS, MAX_HEADER_CHARACTERS = 20, 200


def delivery_of(claim: Claim, task: Task, keys: Sequence[Secret]) -> Delivery:
    """Return what the listener is to send, with the headers that a worker adds.

    ``task`` is the claim's, opened; ``keys`` sign it.
    """
    at = round(time.time() * 1000)
    own = {
        "X-Task-Id": claim.task_id, "X-Task-Attempt": str(claim.attempt),
        **{k: v for k, v in (task.trace_context or {}).items() if k == "traceparent"},
        **_signature(claim, task, keys),
    }  # fmt: skip
    added = {name.lower() for name in own}
    headers = {name: value for name, value in task.headers.items() if name.lower() not in added}
    return Delivery(
        task_id=claim.task_id,
        attempt=claim.attempt,
        url=task.url,
        method=task.method,
        headers={**headers, **own},
        body_base64=None if task.body is None else base64.b64encode(task.body).decode(),
        deadline_at=written_time(at + timeout_ms(task)) or "",
        token="",
    )


def _signature(claim: Claim, task: Task, keys: Sequence[Secret]) -> dict[str, str]:
    if not keys:
        return {}
    signed = signature_headers(keys, claim.task_id, int(time.time()), task.body or b"")
    return {name.decode(): value.decode() for name, value in signed}


def timeout_ms(task: Task) -> int:
    """Return how long an attempt may take."""
    own = task.options.timeout_ms if task.options else None
    return own or DEFAULT_TIMEOUT_MS


def token_of(claim: Claim) -> str:
    """Return the name of a delivery: its task, and when it was claimed."""
    return f"{claim.task_id}.{claim.record.at_ms if claim.record else 0}"


def is_overdue(claim: Claim, now_ms: int) -> bool:
    """Return whether the result of a delivery has not come in the attempt's time."""
    if claim.task is None or claim.record is None:
        return False
    return now_ms > claim.record.at_ms + timeout_ms(claim.task) + GRACE_MS


def attempt_without_request(claim: Claim, outcome: Outcome, reason: str, now_ms: int) -> Attempt:
    """Return the attempt of a task that no listener can be given."""
    error = reason[:MAX_ERROR_CHARACTERS]
    return Attempt(claim.attempt, now_ms, 0.0, outcome, None, error, worker=WORKER)


def overdue_attempt(claim: Claim, now_ms: int) -> Attempt:
    """Return the attempt of a delivery without a result."""
    started = claim.record.at_ms if claim.record else now_ms
    return Attempt(
        claim.attempt, started, now_ms - started, Outcome.TIMEOUT, None,
        "the listener sent no result in time", "answer", worker=WORKER,
    )  # fmt: skip


def attempt_of(claim: Claim, task: Task, result: ResultCreate, now_ms: int) -> Attempt:
    """Return the attempt that a result tells of; the listener's response is the attempt's."""
    started = claim.record.at_ms if claim.record else now_ms
    took = float(now_ms - started) if result.duration_ms is UNSET else result.duration_ms
    status = result.status_code
    if status is UNSET:
        error = f"listener: {result.error}"
        return Attempt(
            claim.attempt, started, took, Outcome.CONNECT_ERROR, None, error, worker=WORKER
        )
    success = task.options.success if task.options else None
    delivered = 200 <= status < 300 if success is None else matches_status(success, status)
    return Attempt(
        claim.attempt, started, took,
        Outcome.DELIVERED if delivered else Outcome.HTTP_ERROR, status,
        None if delivered else f"answered {status}",
        response_excerpt=_excerpt(result.body_base64 or ""), worker=WORKER,
        response_headers=_kept(result.headers or {}) if not delivered else None,
    )  # fmt: skip


def _excerpt(body_base64: str) -> str | None:
    body = base64.b64decode(body_base64, validate=True)
    return body[:MAX_EXCERPT_BYTES].decode(errors="replace") or None


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    first = dict([*headers.items()][:MAX_HEADERS])
    return {name: value[:MAX_HEADER_CHARACTERS] for name, value in redacted(first).items()}
