"""Tasks and attempts, and their wire forms."""

from __future__ import annotations

import base64
import hashlib
import time
from enum import StrEnum
from typing import Any, NewType

import msgspec
import uuid_utils

from .errors import UnreadableRecordError
from .options import Rerun, TaskOptions

__all__ = [
    "VERSION",
    "Attempt",
    "Outcome",
    "State",
    "Task",
    "TaskId",
    "TaskView",
    "derived_task_id",
    "new_task_id",
]

TaskId = NewType("TaskId", str)


def new_task_id() -> TaskId:
    """Return a new UUIDv7 (RFC 9562). Ids sort by time, and none can be guessed from another.

    48 bits of milliseconds, 12 bits of their fraction (``rand_a``), 62 random bits (``rand_b``).
    There is no counter: the random bits prevent clients from looking up tasks of others.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    fraction = nanoseconds % 1_000_000 * 4096 // 1_000_000
    random = str(uuid_utils.uuid7(seconds, nanoseconds))
    return TaskId(f"{random[:15]}{fraction:03x}{random[18:]}")


def derived_task_id(source: TaskId, seed: str) -> TaskId:
    """Return the id of a task that is derived from another one (UUIDv8).

    It is the same for the same seed, and sorts next to its source.
    """
    mixed = hashlib.blake2b(f"{source}\0{seed}".encode(), digest_size=16).hexdigest()
    return TaskId(f"{source[:13]}-8{mixed[:3]}-a{mixed[3:6]}-{mixed[6:18]}")


class State(StrEnum):
    """The state of a task; ``docs/architecture.md`` shows the transitions."""

    SCHEDULED = "scheduled"
    """Waits for its due time, because of a delay or before a retry."""
    QUEUED = "queued"
    """Waits in its lane for a worker."""
    ACTIVE = "active"
    """Claimed by a worker with a live lease."""
    DELIVERED = "delivered"
    """Settled: the destination responded with 2xx. A compact record is kept for RESULT_TTL."""
    DEAD = "dead"
    """Settled: kept as a dead letter for DEAD_TTL, with headers and body unless the egress guard
    refused it."""
    CANCELLED = "cancelled"
    """Settled: cancelled by a client. A compact record is kept for RESULT_TTL."""

    @property
    def settled(self) -> bool:
        """Whether the state is final."""
        return self in {State.DELIVERED, State.DEAD, State.CANCELLED}


class Outcome(StrEnum):
    """The result of an attempt: a closed set, the same in records, logs, spans and metrics."""

    DELIVERED = "delivered"
    HTTP_ERROR = "http_error"
    TIMEOUT = "timeout"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    CONNECTION_LOST = "connection_lost"
    PROTOCOL_ERROR = "protocol_error"
    EGRESS_REFUSED = "egress_refused"
    EXPIRED = "expired"
    """No request was made: the task's deadline had passed."""
    UNREADABLE = "unreadable"
    """No request was made: the record could not be read."""
    WORKER_ERROR = "worker_error"
    """The worker failed, not the destination: its code, or a signing secret's key is missing."""
    POISON = "poison"
    """Too many workers died while they attempted the task."""


class Attempt(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The result of one request. New fields are added at the end, with a default."""

    number: int
    """From 1. An attempt interrupted by a crash or a stop does not count."""
    started_at_ms: int
    """Unix time."""
    duration_ms: float
    outcome: Outcome
    status_code: int | None = None
    error: str | None = None
    """One sentence for a person; None if the destination responded with 2xx."""
    phase: str | None = None
    """The phase in which the time ran out: resolve, connect, tls, send or answer."""
    response_excerpt: str | None = None
    """The first 1 KiB of the response's body."""
    retry_after_ms: int | None = None
    """The pause that the destination asked for by ``Retry-After``, from the response on."""
    left_out: int = 0
    """Attempts since the last one that was recorded as a span; 0 if the trace is not recorded."""
    changes: int = 0
    """Attempts so far that were recorded because their outcome changed."""
    phases_us: tuple[int, int, int, int] | None = None
    """µs of look-up, connecting, TLS and the wait for the response's first byte; -1 if there was
    no such phase. None: not measured."""
    address: str | None = None
    """``address:port`` of the connection."""
    worker: str | None = None
    """The id of the worker that made it."""
    next_at_ms: int | None = None
    """The Unix time of the next attempt."""
    response_headers: dict[str, str] | None = None
    """Headers of the response, without secrets."""
    repeats: bool = False
    """Whether the attempt after this one had the same excerpt, which is kept there alone."""


class Task(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """An HTTP request to be made, as it is stored.

    The wire form is a MessagePack array that begins with the schema's version. New fields are
    added at the end, with a default, so that each release can read the records of the previous one.
    """

    version: int
    url: str
    method: str
    headers: dict[str, str]
    body: bytes | None
    accepted_at_ms: int
    """Unix time at which the API accepted the task."""
    lane: str
    """The task's lane. Tasks of one lane wait for each other; lanes do not."""
    retry_interval_ms: int | None = None
    """None: the worker's WORKER_RETRY_INTERVAL."""
    retry_deadline_ms: int | None = None
    """Milliseconds after acceptance, the delay of the first attempt and the time until the last run
    included; None: the default's (``retry.default_deadline_ms``)."""
    trace_context: dict[str, str] | None = None
    """The send span's ``traceparent``, ``tracestate`` and ``baggage`` (W3C)."""
    options: TaskOptions | None = None
    """None: a plain task."""
    sealed: bytes | None = None
    """Headers, body and the URL's query, if they are encrypted (``sealing``); those are empty."""
    rerun: Rerun | None = None
    """None: a client has not run the task."""

    def encode(self) -> bytes:
        """Return the wire form."""
        return _encoder.encode(self)

    @staticmethod
    def decode(payload: bytes) -> Task:
        """Read a wire form of this release or the one before.

        Raises UnreadableRecordError for anything else.
        """
        try:
            task = _decoder.decode(payload)
        except msgspec.DecodeError as error:
            msg = f"the task's record cannot be read: {error}"
            raise UnreadableRecordError(msg) from error
        if task.version != VERSION:
            msg = f"the task's record has version {task.version}, this release reads {VERSION}"
            raise UnreadableRecordError(msg)
        return task

    def compact(self) -> Task:
        """Return the task as it is kept after it is settled: without headers, body and baggage."""
        context = self.trace_context or {}
        kept = {"traceparent": context["traceparent"]} if "traceparent" in context else None
        options = self.options and self.options.compact()
        return msgspec.structs.replace(
            self, headers={}, body=None, trace_context=kept, options=options, sealed=None
        )

    def is_whole(self, digest: bytes) -> bool:
        """Return whether the task, of this digest when it was sent, has all that it had then."""
        return self.sealed is not None or self.digest() == digest

    def digest(self) -> bytes:
        """Return 8 bytes that differ for different requests under one id (BLAKE2b)."""
        content = _encoder.encode((self.url, self.method, self.headers, self.body, self.lane))
        if self.options is not None:
            content += _in_order.encode(_asked(self.options))
        return hashlib.blake2b(content, digest_size=8).digest()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form for people and tools; the body in base64."""
        fields = msgspec.structs.asdict(self)
        if self.body is not None:
            fields["body"] = base64.b64encode(self.body).decode()
        if self.sealed is not None:
            fields["sealed"] = base64.b64encode(self.sealed).decode()
        return fields


VERSION = 1
_encoder = msgspec.msgpack.Encoder()
_in_order = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Task)


def _asked(options: TaskOptions) -> TaskOptions:
    """Return the options without the delay that was derived from a time."""
    if options.schedule_at_ms is None:
        return options
    return msgspec.structs.replace(options, delay_ms=0)


class TaskView(msgspec.Struct, frozen=True):
    """A task as a look-up returns it."""

    id: TaskId
    state: State
    lane: str
    attempts: int
    """Attempts that count for the retry policy."""
    interrupted: int
    """Attempts interrupted by the death of their worker."""
    due_at_ms: int | None
    """When the next attempt is due (scheduled), or since when the task waits (queued)."""
    finished_at_ms: int | None
    last_attempt: Attempt | None
    task: Task | None
    """None if the stored record cannot be read. In pages, large bodies are left out."""
    packed_attempts: bytes = b""
    """The attempts in its record, for ``unpack_attempts``."""
    cancel_requested: bool = False  # while it was active
    size: int = 0
    """Bytes of its record."""
    at_ms: int = 0
    """The time since which it is in its state; of a scheduled one, until when."""
