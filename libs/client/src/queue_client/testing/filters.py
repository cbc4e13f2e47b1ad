"""Which tasks of the fake a filter means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import Filter
    from .fake import SentTask

__all__ = ["matches"]


def matches(sent: SentTask, wanted: Filter) -> bool:
    """Whether all conditions hold for a task."""
    return _by_task(sent, wanted) and _by_attempt(sent, wanted) and _by_time(sent, wanted)


def _by_task(sent: SentTask, wanted: Filter) -> bool:
    pairs = {f"{key}:{value}" for key, value in sent.labels.items()}
    return (
        wanted.state in {None, sent.state}
        and wanted.lane in {None, sent.lane}
        and pairs.issuperset(wanted.label or [])
        and sent.url.startswith(wanted.url_prefix or "")
        and (wanted.ids is None or sent.task_id in wanted.ids)
    )


def _by_attempt(sent: SentTask, wanted: Filter) -> bool:
    last = sent.attempts[-1] if sent.attempts else None
    outcome, status_code = (last.outcome, last.status_code) if last else (None, None)
    return wanted.outcome in {None, outcome} and wanted.status_code in {None, status_code}


def _by_time(sent: SentTask, wanted: Filter) -> bool:
    after, before = wanted.created_after, wanted.created_before
    return (after is None or sent.created_at >= after) and (
        before is None or sent.created_at < before
    )
