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
        preview=found, dots=_dots(found), strategies=STRATEGIES,
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


def _dots(found: RetryPreview | None) -> list[float]:
    """Return where on a line of ``WIDTH`` each attempt is."""
    if found is None or not found.attempts:
        return []
    last = found.attempts[-1].after_seconds or 1.0
    return [round(attempt.after_seconds / last * WIDTH, 1) for attempt in found.attempts]
