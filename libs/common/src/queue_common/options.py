"""A task's options: time, retries, success and callbacks."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "Callback",
    "CallbackEvent",
    "Rerun",
    "Retry",
    "Strategy",
    "TaskOptions",
    "matches_status",
]

Strategy = Literal["constant", "linear", "exponential", "schedule"]
CallbackEvent = Literal["delivered", "dead", "attempt"]


class Retry(msgspec.Struct, frozen=True, array_like=True):
    """A task's own retry policy. New fields are added at the end, with a default.

    Its deadline is ``Task.retry_deadline_ms``.
    """

    strategy: Strategy = "constant"
    interval_ms: int | None = None
    """The first wait; None: the worker's WORKER_RETRY_INTERVAL."""
    max_interval_ms: int | None = None
    """Max wait of ``linear`` and ``exponential``; None: only the deadline limits it."""
    multiplier: float = 2.0
    """Factor of each wait of ``exponential`` to the previous one."""
    delays_ms: tuple[int, ...] = ()
    """The waits of ``schedule``. The task is dead after the last one."""
    jitter: float = 0.0
    """The largest share, 0 to 1, by which a wait is randomly shortened."""
    max_attempts: int | None = None
    """Max attempts; None: until the deadline."""
    on: tuple[int | str, ...] | None = None
    """The failures that are retried: status classes (1 to 5), status codes, ``timeout`` and
    ``connection``; None: all."""


class Callback(msgspec.Struct, frozen=True, array_like=True):
    """The URL that gets a task's callbacks. New fields are added at the end, with a default."""

    url: str
    on: tuple[CallbackEvent, ...]
    headers: dict[str, str] = {}


class Rerun(msgspec.Struct, frozen=True, array_like=True):
    """The last time that a client ran a dead letter, or a task before its due time.

    New fields are added at the end, with a default.
    """

    deadline_ms: int | None
    """The task's own deadline, from the run on; None: the default's."""
    attempts: int
    """Attempts before. The retry policy counts those that follow."""


class TaskOptions(msgspec.Struct, frozen=True, array_like=True):
    """A task's options; a plain task has none. New fields are added at the end, with a default."""

    delay_ms: int = 0
    """The delay of the first attempt after acceptance."""
    schedule_at_ms: int | None = None
    """The Unix time of the first attempt, if the client named a time."""
    timeout_ms: int | None = None
    """The timeout of an attempt; None: the worker's WORKER_REQUEST_TIMEOUT."""
    retry: Retry | None = None
    success: tuple[int, ...] | None = None
    """Status classes (1 to 5) and status codes that count as delivered; None: 2xx."""
    labels: dict[str, str] | None = None
    idempotency_key: str | None = None
    callback: Callback | None = None
    replay_of: str | None = None
    """The task that this one replays."""
    callback_of: str | None = None
    """The task whose callback this is."""

    def compact(self) -> TaskOptions:
        """Return the options that settled tasks keep: without the callback's headers."""
        if self.callback is None or not self.callback.headers:
            return self
        callback = msgspec.structs.replace(self.callback, headers={})
        return msgspec.structs.replace(self, callback=callback)


def matches_status(statuses: tuple[int | str, ...], status: int) -> bool:
    """Return whether a status code is one of ``statuses``, or its class is."""
    return status in statuses or status // 100 in statuses
