"""Failures, named by what the caller must do."""

from __future__ import annotations

from typing import Self

__all__ = [
    "ConflictError",
    "IdempotencyConflictError",
    "IntakeFullError",
    "LeaseLostError",
    "LimitError",
    "QueueSystemError",
    "QueueUnavailableError",
    "UnknownOperationError",
    "UnknownProjectError",
    "UnknownTaskError",
    "UnreadableRecordError",
    "WrongStateError",
]


class QueueSystemError(Exception):
    """Something in Queue System failed."""


class QueueUnavailableError(QueueSystemError):
    """Redis cannot take or give tasks now: it is away, full, loading or read-only. Try later.

    Its text is for the log: it contains Redis' address and the server's message.
    """

    def __init__(self, detail: str, *, summary: str = "Redis cannot take or give tasks") -> None:
        super().__init__(detail)
        self.summary = summary
        """A text that clients may see: one of a few fixed ones."""


class IntakeFullError(QueueUnavailableError):
    """Too many tasks wait for Redis in this process. Try later, or send to another."""


class ConflictError(QueueSystemError):
    """A task with this id and other content exists. Use another id."""


class IdempotencyConflictError(QueueSystemError):
    """Another request has this idempotency key. Use another key."""


class LimitError(QueueSystemError):
    """A project, a lane or the queue is at a limit: the task was not stored. Try later."""

    def __init__(
        self, limit: str, quota: str, *, burst: int = 0, retry_after_ms: int = 0, fits: bool = True
    ) -> None:
        super().__init__(f"the limit {limit} of {quota} is reached")
        self.limit = limit
        """``rate``, ``waiting``, ``stored_bytes`` or ``lanes`` of a project, ``backlog`` of the
        queue or ``lane_backlog``."""
        self.quota = quota
        self.burst = burst
        """Of a rate: the tasks that may come at once."""
        self.retry_after_ms = retry_after_ms
        """When another try may succeed; 0: that is not known."""
        self.fits = fits
        """False: not even an empty project could take the task."""


class UnknownTaskError(QueueSystemError):
    """No task has this id: it never existed, or its record has expired."""

    @classmethod
    def of(cls, task_id: str) -> Self:
        """Return the error for this id."""
        return cls(f"no task has the id {task_id}: it never existed, or its record has expired")


class UnknownProjectError(QueueSystemError):
    """No project has this name: it has no settings and never had a task."""


class UnknownOperationError(QueueSystemError):
    """No operation of the project has this id, or it is not kept any more."""


class WrongStateError(QueueSystemError):
    """The task's state does not allow this operation."""


class LeaseLostError(QueueSystemError):
    """The worker's lease has ended: other workers may have its tasks now. Take a new lease."""


class UnreadableRecordError(QueueSystemError):
    """The stored record cannot be read by this release. Keep it, do not run it."""
