"""Failures, named by what the caller must do."""

from __future__ import annotations

from typing import Self

__all__ = [
    "ConflictError",
    "IntakeFullError",
    "LeaseLostError",
    "QueueSystemError",
    "QueueUnavailableError",
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


class UnknownTaskError(QueueSystemError):
    """No task has this id: it never existed, or its record has expired."""

    @classmethod
    def of(cls, task_id: str) -> Self:
        """Return the error for this id."""
        return cls(f"no task has the id {task_id}: it never existed, or its record has expired")


class WrongStateError(QueueSystemError):
    """The task's state does not allow this operation."""


class LeaseLostError(QueueSystemError):
    """The worker's lease has ended: other workers may have its tasks now. Take a new lease."""


class UnreadableRecordError(QueueSystemError):
    """The stored record cannot be read by this release. Keep it, do not run it."""
