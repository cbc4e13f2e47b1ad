"""What a process says of itself, and what the API says of an error."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["BatchItem", "FieldError", "Problem"]


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str = ""
    reason: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    errors: list[FieldError] = []
    limit: Any = None

    @property
    def kind(self) -> str:
        """The last part of ``type``, such as ``invalid-task``."""
        return self.type.rpartition(":")[2]

    @property
    def sentence(self) -> str:
        """What is wrong, with the fields that it is wrong in."""
        said = self.detail or self.title or f"HTTP {self.status}"
        fields = "; ".join(": ".join(filter(None, (e.field, e.reason))) for e in self.errors)
        return f"{said} ({fields})" if fields and fields not in said else said


class BatchItem(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task of a batch."""

    index: int
    """Its place in what was given, from 0."""
    status: int
    task_id: str | None = None
    trace_id: str | None = None
    problem: Problem | None = None
    retry_after: int | None = None
    """Seconds after which the API asks to send a refused task again."""

    @property
    def accepted(self) -> bool:
        """Whether the task is in the queue, now or from before."""
        return self.problem is None
