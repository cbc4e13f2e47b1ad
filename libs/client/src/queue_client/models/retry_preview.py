"""The attempts that a retry policy leads to."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["PlannedAttempt", "RetryPreview"]


class PlannedAttempt(msgspec.Struct, frozen=True):
    """An attempt that would be made if each before it failed."""

    number: int
    after_seconds: float
    at: datetime


class RetryPreview(msgspec.Struct, frozen=True):
    """What a retry policy comes to."""

    attempts: list[PlannedAttempt]
    gives_up_at: datetime | None = None
