"""Filters of tasks as they are in URLs and forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..access.forms import FormError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FILTER_FIELDS", "OUTCOMES", "STATES", "TIMES", "task_filter"]

STATES = ("scheduled", "queued", "active", "delivered", "dead", "cancelled")
OUTCOMES = (
    "delivered", "http_error", "timeout", "dns_error", "connect_error", "tls_error",
    "connection_lost", "protocol_error", "egress_refused", "expired", "unreadable", "worker_error",
    "poison",
)  # fmt: skip
FILTER_FIELDS = (
    "state", "lane", "label", "url_prefix", "outcome", "status_code", "created_after",
    "created_before", "idempotency_key",
)  # fmt: skip
STATUS_DIGITS = 3
TIMES = {"created_after", "created_before"}


def task_filter(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the filter in a query or a form, with what is empty left out.

    Raises FormError if a time or the status is none.
    """
    found = {name: given[name].strip() for name in FILTER_FIELDS if given.get(name, "").strip()}
    return {name: _READERS.get(name, _text)(name, value) for name, value in found.items()}


def _text(_name: str, value: str) -> str:
    return value


def _status(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) == STATUS_DIGITS):
        raise FormError(422, f"{name}: should be an HTTP status such as 503")
    return int(value)


def _time(name: str, value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        msg = f"{name}: should be a time such as 2026-11-28T22:44, in UTC"
        raise FormError(422, msg) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


_READERS: dict[str, Callable[[str, str], Any]] = {
    "status_code": _status, **dict.fromkeys(TIMES, _time),
}  # fmt: skip
