"""Filters of tasks as they are in URLs and forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..access.forms import FormError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FILTER_FIELDS", "OUTCOMES", "STATES", "TIMES", "read_status", "task_filter"]

STATES = ("scheduled", "queued", "active", "delivered", "dead", "cancelled")
OUTCOMES = (
    "delivered", "http_error", "timeout", "dns_error", "connect_error", "tls_error",
    "connection_lost", "protocol_error", "egress_refused", "expired", "unreadable", "worker_error",
    "poison",
)  # fmt: skip
FILTER_FIELDS = (
    "state", "lane", "label", "url_prefix", "outcome", "created_after", "created_before",
    "idempotency_key",
)  # fmt: skip
STATUS_DIGITS = 3
TIMES = {"created_after", "created_before"}


def task_filter(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the filter in a query or a form, with what is empty left out.

    Raises FormError if a time is none.
    """
    found = {name: given[name].strip() for name in FILTER_FIELDS if given.get(name, "").strip()}
    return {name: _time(name, value) if name in TIMES else value for name, value in found.items()}


def read_status(given: Mapping[str, str]) -> int | None:
    """Return the HTTP status in a query, which the API's list does not know.

    Raises FormError if it is none.
    """
    text = given.get("status_code", "").strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) == STATUS_DIGITS):
        raise FormError(422, "status_code: should be an HTTP status such as 503")
    return int(text) if text else None


def _time(name: str, value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        msg = f"{name}: should be a time such as 2026-11-28T22:44, in UTC"
        raise FormError(422, msg) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
