"""The task: what a client asks for, what an attempt came to, and how both travel."""

from __future__ import annotations

import base64
import hashlib
import time
from enum import StrEnum
from typing import Any, NewType

import msgspec
import uuid_utils

from .errors import UnreadableRecordError
from .options import TaskOptions

__all__ = ["VERSION", "Attempt", "Outcome", "State", "Task", "TaskId", "TaskView", "new_task_id"]

TaskId = NewType("TaskId", str)


def new_task_id() -> TaskId:
    """Return a fresh UUIDv7 (RFC 9562): ids sort by time, and no id can be guessed from another.

    48 bits of milliseconds, 12 bits of their fraction (``rand_a``), 62 random bits (``rand_b``).
    No counter is in it: the random bits keep others' tasks from being looked up. A partition's
    number may take the place of the fraction.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    fraction = nanoseconds % 1_000_000 * 4096 // 1_000_000
    random = str(uuid_utils.uuid7(seconds, nanoseconds))
    return TaskId(f"{random[:15]}{fraction:03x}{random[18:]}")


class State(StrEnum):
    """Where a task is in its life; ``docs/architecture.md`` draws who moves it on."""

    SCHEDULED = "scheduled"
    """Waits for its due time: sent with a delay, or to be tried again."""
    QUEUED = "queued"
    """Waits in its lane for a worker."""
    ACTIVE = "active"
    """Claimed by a worker, whose lease stands behind it."""
    DELIVERED = "delivered"
    """Settled: the destination answered 2xx. A compact record stays for RESULT_TTL."""
    DEAD = "dead"
    """Settled: kept in full among the dead letters for DEAD_TTL; without headers and body where the
    egress guard refused it."""
    CANCELLED = "cancelled"
    """Settled: taken back by a client. A compact record stays for RESULT_TTL."""

    @property
    def settled(self) -> bool:
        """Say whether the task has come to its end."""
        return self in {State.DELIVERED, State.DEAD, State.CANCELLED}


class Outcome(StrEnum):
    """What one attempt came to: a closed set, the same in records, logs, spans and metrics."""

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
    """No request was made: the deadline had passed before a worker came to it."""
    UNREADABLE = "unreadable"
    """No request was made: the record could not be read."""
    WORKER_ERROR = "worker_error"
    """The worker's own code failed around the request."""
    POISON = "poison"
    """No answer was ever seen: the task's worker died under it too often."""


class Attempt(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One request as it went. New fields are added at the end, with a default."""

    number: int
    """From 1; an attempt cut short by a crash or a stop does not count."""
    started_at_ms: int
    """Unix time."""
    duration_ms: float
    outcome: Outcome
    status_code: int | None = None
    error: str | None = None
    """One sentence for a person; None where the destination answered 2xx."""
    phase: str | None = None
    """Where a timeout struck: resolve, connect, tls, send or answer."""
    response_excerpt: str | None = None
    """The first 1 KiB of the destination's answer."""
    retry_after_ms: int | None = None
    """What the destination asked for by ``Retry-After``, counted from the answer."""
    left_out: int = 0
    """Attempts up to this one since the last whose spans were kept; of recorded traces alone."""
    changes: int = 0
    """Attempts so far whose spans were kept because their outcome was another."""
    phases_us: tuple[int, int, int, int] | None = None
    """µs of look-up, connecting, TLS and the wait for the answer's first byte; -1: there was
    no such part. None: not measured."""
    address: str | None = None
    """``address:port`` of the connection."""
    worker: str | None = None
    """The id of the worker that made it."""
    next_at_ms: int | None = None
    """The Unix time at which the next attempt was to follow."""
    response_headers: dict[str, str] | None = None
    """The destination's, without secrets."""


class Task(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """An HTTP request to be made, in the form in which it is kept.

    The wire form is a MessagePack array that begins with the schema's version. New fields are
    added at the end with a default, so that each release reads the records of the one before.
    """

    version: int
    url: str
    method: str
    headers: dict[str, str]
    body: bytes | None
    accepted_at_ms: int
    """Unix time at which the API accepted the task; its deadline counts from here."""
    lane: str
    """The queue in the queue: tasks of one lane wait for each other, lanes do not."""
    retry_interval_ms: int | None = None
    """None: the worker's WORKER_RETRY_INTERVAL."""
    retry_deadline_ms: int | None = None
    """Milliseconds after acceptance, the delay of the first attempt included; None: the worker's
    WORKER_RETRY_DEADLINE."""
    trace_context: dict[str, str] | None = None
    """The send span's ``traceparent``, ``tracestate`` and ``baggage`` (W3C)."""
    options: TaskOptions | None = None
    """None: a plain task."""

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
        """Return the task as settled tasks are kept: without headers, body and baggage."""
        context = self.trace_context or {}
        kept = {"traceparent": context["traceparent"]} if "traceparent" in context else None
        options = self.options and self.options.compact()
        return msgspec.structs.replace(
            self, headers={}, body=None, trace_context=kept, options=options
        )

    def digest(self) -> bytes:
        """Return 8 bytes that tell two requests under one id apart (BLAKE2b)."""
        content = _encoder.encode((self.url, self.method, self.headers, self.body, self.lane))
        if self.options is not None:
            content += _in_order.encode(_asked(self.options))
        return hashlib.blake2b(content, digest_size=8).digest()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form for people and tools; the body in base64."""
        fields = msgspec.structs.asdict(self)
        if self.body is not None:
            fields["body"] = base64.b64encode(self.body).decode()
        return fields


VERSION = 1
_encoder = msgspec.msgpack.Encoder()
_in_order = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Task)


def _asked(options: TaskOptions) -> TaskOptions:
    """Return the options as asked for: of a time, how far away it was is left out."""
    if options.schedule_at_ms is None:
        return options
    return msgspec.structs.replace(options, delay_ms=0)


class TaskView(msgspec.Struct, frozen=True):
    """A task as a look-up finds it."""

    id: TaskId
    state: State
    lane: str
    attempts: int
    """Attempts that count for the retry policy."""
    interrupted: int
    """Attempts cut short because their worker died."""
    due_at_ms: int | None
    """When the next attempt is due (scheduled), or since when it waits (queued)."""
    finished_at_ms: int | None
    """When the task was settled."""
    last_attempt: Attempt | None
    task: Task | None
    """None where the stored record cannot be read; without a body if that is large and the task is
    one of a page."""
    packed_attempts: bytes = b""
    """The attempts that its record holds, for ``unpack_attempts``."""
    cancel_requested: bool = False
    """A client has taken the task back while it was active."""
    size: int = 0
    """Bytes of its record."""
