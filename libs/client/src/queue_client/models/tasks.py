"""Tasks: what is sent, and what the API tells of it."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from .times import Duration, format_duration

__all__ = [
    "Attempt",
    "AttemptList",
    "AttemptStatus",
    "Callback",
    "CallbackView",
    "NewTask",
    "Phases",
    "Replayed",
    "Retry",
    "TaskCreated",
    "TaskPage",
    "TaskRequest",
    "TaskStatus",
]

SETTLED = frozenset({"delivered", "dead", "cancelled"})
EXISTS_ALREADY = "Task exists already"


class Retry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """When a failed attempt is repeated. What is left out follows the worker's settings."""

    strategy: str | None = None
    """constant, linear, exponential or schedule."""
    interval: Duration | None = None
    max_interval: Duration | None = None
    multiplier: float | None = None
    delays: list[Duration] | None = None
    """With strategy schedule: the time before each further attempt."""
    jitter: float | None = None
    """0 to 1: the part of each interval that is random."""
    max_attempts: int | None = None
    deadline: Duration | None = None
    """From acceptance; afterwards the task is dead."""
    on: list[str | int] | None = None
    """What is tried again, such as ``["5xx", 429, "timeout", "connection"]``."""

    def __post_init__(self) -> None:
        self.interval = _duration(self.interval)
        self.max_interval = _duration(self.max_interval)
        self.deadline = _duration(self.deadline)
        if self.delays is not None:
            self.delays = [format_duration(delay) for delay in self.delays]


class Callback(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who is told of a task's end, by a task of its own."""

    url: str
    on: list[str] | None = None
    """Of ``delivered``, ``dead`` and ``attempt``."""
    headers: dict[str, str] | None = None


class NewTask(msgspec.Struct, omit_defaults=True):
    """A request to be made.

    A ``body`` of bytes is sent as bytes, a string as it is, anything else as JSON. Durations are
    strings such as ``"1m30s"``, seconds, or a timedelta.
    """

    url: str
    method: str | None = None
    """POST, if it is left out."""
    headers: dict[str, str] | None = None
    body: Any = UNSET
    task_id: str | None = None
    lane: str | None = None
    schedule_at: datetime | None = None
    delay: Duration | None = None
    timeout: Duration | None = None
    """For one attempt."""
    retry: Retry | None = None
    success: list[str | int] | None = None
    """Statuses that count as delivered, such as ``["2xx", 404]``."""
    idempotency_key: str | None = None
    labels: dict[str, str] | None = None
    callback: Callback | None = None
    body_base64: str | None = None

    def __post_init__(self) -> None:
        self.delay = _duration(self.delay)
        self.timeout = _duration(self.timeout)
        if isinstance(self.body, (bytes, bytearray, memoryview)):
            self.body_base64 = base64.b64encode(self.body).decode()
            self.body = UNSET
        if self.schedule_at is not None and self.schedule_at.tzinfo is None:
            msg = "schedule_at has no time zone: use datetime.now(timezone.utc) and the like"
            raise ValueError(msg)


def _duration(value: Duration | None) -> str | None:
    return None if value is None else format_duration(value)


class TaskCreated(msgspec.Struct, frozen=True):
    """The task is safe in the queue."""

    task_id: str
    message: str = ""
    trace_id: str | None = None
    trace_url: str | None = None

    @property
    def repeated(self) -> bool:
        """Whether the same task was there already, by its id or its idempotency key."""
        return self.message == EXISTS_ALREADY


class Replayed(msgspec.Struct, frozen=True):
    """A new task with the request of an old one."""

    task_id: str
    replay_of: str
    trace_id: str | None = None


class AttemptStatus(msgspec.Struct, frozen=True):
    """How one request went."""

    number: int
    started_at: datetime
    duration_ms: float
    outcome: str
    status_code: int | None = None
    error: str | None = None


class Phases(msgspec.Struct, frozen=True):
    """Milliseconds that the parts of one request took."""

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None


class Attempt(AttemptStatus, frozen=True, kw_only=True):
    """One request with all that is kept of it."""

    phases: Phases | None = None
    address: str | None = None
    response_headers: dict[str, str] | None = None
    response_excerpt: str | None = None
    worker: str | None = None
    trace_id: str | None = None
    next_attempt_at: datetime | None = None


class AttemptList(msgspec.Struct, frozen=True):
    """The last attempts of a task, the newest last."""

    attempts: list[Attempt]


class CallbackView(msgspec.Struct, frozen=True):
    """A task's callback, without its headers."""

    url: str
    on: list[str] = []


class TaskRequest(msgspec.Struct, frozen=True):
    """The request of a task; secrets are redacted."""

    url: str
    method: str
    headers: dict[str, str] = {}
    body: str | None = None
    body_base64: str | None = None
    body_bytes: int = 0
    truncated: bool = False


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a task."""

    id: str
    state: str
    """scheduled, queued, active, delivered, dead or cancelled."""
    lane: str
    attempts: int = 0
    interrupted: int = 0
    url: str | None = None
    """Without its query string."""
    method: str | None = None
    next_attempt_at: datetime | None = None
    last_attempt: AttemptStatus | None = None
    created_at: datetime | None = None
    deadline_at: datetime | None = None
    finished_at: datetime | None = None
    trace_id: str | None = None
    trace_url: str | None = None
    project: str = "default"
    labels: dict[str, str] = {}
    cancel_requested: bool = False
    timeout_seconds: float | None = None
    retry: dict[str, Any] | None = None
    success: list[str | int] | None = None
    idempotency_key: str | None = None
    callback: CallbackView | None = None
    replay_of: str | None = None
    callback_of: str | None = None
    """The task whose callback this is."""
    replays: list[str] = []
    size_bytes: int | None = None
    request: TaskRequest | None = None
    """Only from ``get_task``, with the scope ``manage``."""
    request_error: str | None = None
    """Why a request that is kept cannot be shown: its encryption key is missing."""

    @property
    def settled(self) -> bool:
        """Whether the task has come to its end."""
        return self.state in SETTLED


class TaskPage(msgspec.Struct, frozen=True):
    """A page of a search; ``scanned_to`` says how far it looked."""

    tasks: list[TaskStatus]
    cursor: str | None = None
    scanned: int | None = None
    scanned_to: datetime | None = None

    @property
    def items(self) -> list[TaskStatus]:
        """The tasks of this page."""
        return self.tasks
