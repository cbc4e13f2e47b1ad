"""When a task of the fake is due: never by itself, but as the API would tell it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import Duration, NewTask

__all__ = ["first_due", "next_due"]

INTERVAL = timedelta(seconds=10)
"""The worker's default."""
PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def first_due(task: NewTask, now: datetime) -> datetime | None:
    """Return when the first attempt is due; None: at once."""
    if task.schedule_at is not None:
        return task.schedule_at if task.schedule_at > now else None
    return now + _read(task.delay) if task.delay else None


def next_due(task: NewTask, now: datetime) -> datetime:
    """Return when the next attempt is due after one that failed, by the first interval."""
    retry = task.retry
    if retry is None:
        return now + INTERVAL
    first = retry.delays[0] if retry.delays else retry.interval
    return now + (INTERVAL if first is None else _read(first))


def _read(text: Duration) -> timedelta:
    parts = PART.findall(str(text))
    return timedelta(seconds=sum(float(number) * SECONDS[unit] for number, unit in parts))
