"""What is told of tasks, as types; the OpenAPI document comes from them. Times are RFC 3339."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from queue_common.task import Outcome, State

from ..option_schemas import Headers, Url
from ..schemas import Base64, Body, Method

__all__ = [
    "AttemptDetails", "AttemptList", "AttemptPhases", "AttemptStatus", "CallbackStatus",
    "ReplayCreate", "Replayed", "RequestShown", "RetryStatus", "TaskList", "TaskStatus",
]  # fmt: skip


class AttemptStatus(msgspec.Struct, frozen=True):
    """How one request went."""

    number: int
    """From 1."""
    started_at: str
    duration_ms: float
    outcome: Outcome
    status_code: int | None
    error: str | None


class AttemptPhases(msgspec.Struct, frozen=True):
    """How long the parts of an attempt took; null: there was no such part."""

    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    """From the request's first byte to the response's."""


class AttemptDetails(AttemptStatus, frozen=True):
    """One request in all detail that is kept of it."""

    phases: AttemptPhases | None
    address: str | None
    """The address and port that the connection led to."""
    response_headers: dict[str, str] | None
    """Without secrets; of the last attempt alone."""
    response_excerpt: str | None
    """The beginning of the response's body; of the last attempt alone."""
    worker: str | None
    trace_id: str | None
    next_attempt_at: str | None
    """When the next attempt was to follow; null if none was."""


class AttemptList(msgspec.Struct, frozen=True):
    """The last attempts of a task, the newest at the end."""

    attempts: list[AttemptDetails]


class RetryStatus(msgspec.Struct, frozen=True):
    """A task's own retry policy. What is null is the worker's default."""

    strategy: str
    interval_seconds: float | None
    max_interval_seconds: float | None
    multiplier: float
    delays_seconds: list[float]
    jitter: float
    max_attempts: int | None
    on: list[str | int] | None


class CallbackStatus(msgspec.Struct, frozen=True):
    """Who is told what became of a task."""

    url: str
    """Without its query string."""
    on: list[str]


class RequestShown(msgspec.Struct, frozen=True):
    """The request that a task makes. Headers that hold secrets by their name have no value here."""

    url: str
    method: str
    headers: dict[str, str]
    body: str | None
    """A body that is text."""
    body_base64: str | None
    """A body that is no text, in base64."""
    body_bytes: int
    truncated: bool
    """Whether only the first 256 KiB of the body are here."""


class TaskStatus(msgspec.Struct, frozen=True):
    """What became of a task."""

    id: str
    state: State
    url: str | None
    """Without its query string, which may hold secrets."""
    method: str | None
    lane: str
    attempts: int
    interrupted: int
    """Attempts in a row that were cut short because their worker died; they do not count."""
    next_attempt_at: str | None
    last_attempt: AttemptStatus | None
    created_at: str | None
    deadline_at: str | None
    finished_at: str | None
    trace_id: str | None
    project: str
    """The project of the key that sent it."""
    labels: dict[str, str]
    cancel_requested: bool
    """The task was cancelled while it was active: it gets no further attempt."""
    timeout_seconds: float | None
    """For one attempt; null: the worker's WORKER_REQUEST_TIMEOUT."""
    retry: RetryStatus | None
    success: list[str | int] | None
    idempotency_key: str | None
    callback: CallbackStatus | None
    replay_of: str | None
    """The task that this one repeats."""
    size_bytes: int
    """Bytes that its record takes."""
    replays: list[str] | UnsetType = UNSET
    """The last tasks that repeat this one, newest first; not in lists."""
    trace_url: str | UnsetType = UNSET
    """Where the trace can be seen; only with TRACE_URL_TEMPLATE."""
    request: RequestShown | UnsetType | None = UNSET
    """Only with the scope ``manage``, and not in lists; null if it is not kept any more."""


class TaskList(msgspec.Struct, frozen=True):
    """A page of tasks."""

    tasks: list[TaskStatus]
    cursor: str | None
    """Where the next page begins; null on the last one."""
    scanned: int
    """Tasks that were looked at."""
    scanned_to: str | None
    """When the last of them had been accepted."""


class ReplayCreate(msgspec.Struct, forbid_unknown_fields=True):
    """What a repetition has other than its source."""

    url: Url | UnsetType = UNSET
    method: Method | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    body: Body | UnsetType = UNSET
    body_base64: Base64 | UnsetType = UNSET


class Replayed(msgspec.Struct, frozen=True):
    """A task that repeats another one."""

    task_id: str
    replay_of: str
    trace_id: str | None
