"""When the attempts of a retry policy would be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import Response

from queue_client import ApiError, Retry, UnavailableError

from ..access.forms import Form, FormError
from ..access.visit import Visitor, needs

if TYPE_CHECKING:
    from queue_client import Duration, RetryPreview

__all__ = ["router"]

router = APIRouter(dependencies=[needs("read")])
STRATEGIES = ("constant", "linear", "exponential", "schedule")
DURATIONS = ("interval", "max_interval", "deadline")
ATTEMPTS = 30
SAME_SECONDS = 0.01
WIDTH = 1000.0


@router.get("/retry-preview")
async def preview(visit: Visitor) -> Response:
    """Show the attempts of the policy in the URL."""
    values = Form(visit.query or {"strategy": "exponential", "interval": "10s", "deadline": "24h"})
    found, error = None, None
    try:
        found = await visit.client.preview_retry(retry=_policy(values), count=ATTEMPTS)
    except (ApiError, FormError) as refused:
        if isinstance(refused, UnavailableError):
            raise
        error = refused
    return visit.page(
        "retry_preview.html", 200 if error is None else error.status, values=values, error=error,
        preview=found, dots=_dots(found), strategies=STRATEGIES, more=_more(found, values),
    )  # fmt: skip


def _policy(values: Form) -> Retry:
    policy: dict[str, Any] = {name: values.text(name) for name in ("strategy", *DURATIONS)}
    delays: list[Duration] = [
        delay.strip() for delay in values.get("delays", "").split(",") if delay.strip()
    ]
    return Retry(
        **policy, delays=delays or None, multiplier=values.number("multiplier"),
        jitter=values.number("jitter"), max_attempts=values.whole("max_attempts"),
    )  # fmt: skip


def _more(found: RetryPreview | None, values: Form) -> int | None:
    """Return about how many attempts follow those shown; 0 if none does, None if nobody knows.

    They are counted if the last intervals are the same: an interval that has stopped growing.
    """
    if found is None or len(found.attempts) < ATTEMPTS:
        return 0
    before, last = found.attempts[-2:]
    step = last.after_seconds - before.after_seconds
    grown = step - (before.after_seconds - found.attempts[-3].after_seconds)
    if found.gives_up_at is None or step <= 0 or abs(grown) > SAME_SECONDS:
        return None
    more = int((found.gives_up_at - last.at).total_seconds() / step)
    limit = values.whole("max_attempts")
    return max(more if limit is None else min(more, limit - ATTEMPTS), 0)


def _dots(found: RetryPreview | None) -> list[float]:
    """Return where on a line of ``WIDTH`` each attempt is."""
    if found is None or not found.attempts:
        return []
    last = found.attempts[-1].after_seconds or 1.0
    return [round(attempt.after_seconds / last * WIDTH, 1) for attempt in found.attempts]
