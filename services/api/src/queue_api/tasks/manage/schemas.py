"""The types of responses about tasks. Times are RFC 3339."""

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
    """The result of one attempt."""

    number: int
    """From 1."""
    started_at: str
    duration_ms: float
    outcome: Outcome
    status_code: int | None
    error: str | None


class AttemptPhases(msgspec.Struct, frozen=True):
    """The durations of an attempt's phases; null if there was no such phase."""

    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    """From the request's first byte to the response's."""


class AttemptDetails(AttemptStatus, frozen=True):
    """One attempt in detail."""

    phases: AttemptPhases | None
    address: str | None
    """The address and port of the connection."""
    response_headers: dict[str, str] | None
    """Without secrets. Of responses that repeat each other the newest one's are kept, of those that
    differ as many as fit into 3,000 bytes for all attempts of a task."""
    response_excerpt: str | None
    """The beginning of the response's body, kept like its headers."""
    worker: str | None
    trace_id: str | None
    next_attempt_at: str | None
    """The time of the next attempt; null if there is none."""


class AttemptList(msgspec.Struct, frozen=True):
    """The last attempts of a task, the newest at the end."""

    attempts: list[AttemptDetails]


class RetryStatus(msgspec.Struct, frozen=True):
    """A task's own retry policy. null means the worker's default."""

    strategy: str
    interval_seconds: float | None
    max_interval_seconds: float | None
    multiplier: float
    delays_seconds: list[float]
    jitter: float
    max_attempts: int | None
    on: list[str | int] | None


class CallbackStatus(msgspec.Struct, frozen=True):
    """The URL that gets a task's callbacks."""

    url: str
    """Without its query string."""
    on: list[str]


class RequestShown(msgspec.Struct, frozen=True):
    """A task's request. Headers whose name shows that they are secret have no value here."""

    url: str
    method: str
    headers: dict[str, str]
    body: str | None
    """The body, if it is text."""
    body_base64: str | None
    """The body in base64, if it is not text."""
    body_bytes: int
    truncated: bool
    """Whether this is only the first 256 KiB of the body."""


class TaskStatus(msgspec.Struct, frozen=True):
    """The state of a task."""

    id: str
    state: State
    url: str | None
    """Without its query string, which may hold secrets."""
    method: str | None
    lane: str
    attempts: int
    interrupted: int
    """Attempts in a row that were interrupted by the death of their worker; they do not count."""
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
    """The task was cancelled while it was active, so it gets no further attempt."""
    timeout_seconds: float | None
    """The timeout of an attempt; null: the worker's WORKER_REQUEST_TIMEOUT."""
    retry: RetryStatus | None
    success: list[str | int] | None
    idempotency_key: str | None
    callback: CallbackStatus | None
    replay_of: str | None
    """The task that this one repeats."""
    callback_of: str | None
    """The task whose callback this is."""
    size_bytes: int
    """Size of the task's record."""
    replays: list[str] | UnsetType = UNSET
    """The last tasks that repeat this one, newest first; not in lists."""
    trace_url: str | UnsetType = UNSET
    """The URL of the trace; only with TRACE_URL_TEMPLATE."""
    request: RequestShown | UnsetType | None = UNSET
    """Only with the scope ``manage``, and not in lists; null if it is no longer kept, or if its
    key is missing."""
    request_error: str | UnsetType = UNSET
    """Only if the request is kept, but cannot be read: which of ENCRYPTION_KEYS is missing."""


class TaskList(msgspec.Struct, frozen=True):
    """A page of tasks."""

    tasks: list[TaskStatus]
    cursor: str | None
    """The cursor of the next page; null on the last one."""
    scanned: int
    """Number of tasks that were checked."""
    scanned_to: str | None
    """The time at which the last of them was accepted."""


class ReplayCreate(msgspec.Struct, forbid_unknown_fields=True):
    """The changes of a replay: what is absent stays as it was."""

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
