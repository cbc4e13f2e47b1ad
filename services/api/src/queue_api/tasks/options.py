"""Checks of a task's options.

A check returns the normalized value, or raises ValueError with a reason that continues a sentence
after the field's name. ``OptionError`` also names the field inside an object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import UNSET

from queue_common.options import Callback, CallbackEvent, Retry, TaskOptions
from queue_common.task import TaskId

from .checks import check_url, header_errors
from .times import check_delay, check_time, check_timeout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import UnsetType

    from .option_schemas import CallbackCreate, RetryCreate
    from .schemas import TaskCreate

__all__ = [
    "OptionError",
    "check_callback",
    "check_idempotency_key",
    "check_labels",
    "check_lane",
    "check_lane_name",
    "check_retry",
    "check_success",
    "check_task_id",
    "deadline_ms",
    "read_options",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = re.compile(r"[A-Za-z0-9_.\-/]{1,63}")
_CLASS = re.compile(r"[1-5][xX][xX]")
_SAQ_LANES = "saq:"


class OptionError(ValueError):
    """An error in a field inside an object."""

    def __init__(self, field: str, reason: object) -> None:
        super().__init__(str(reason))
        self.field = field


def read_options(create: TaskCreate, now_ms: int) -> TaskOptions | None:
    """Return the options, or None for a plain task; raises ValueError for the first invalid one.

    The same options are equal, however a client writes them: lists have one order, and an option
    that is empty or spells out the default is as one that is absent.
    """
    at_ms = None if create.schedule_at is UNSET else check_time(create.schedule_at)
    if at_ms is not None and create.delay is not UNSET:
        msg = "cannot be set together with schedule_at"
        raise ValueError(msg)
    delay_ms = 0 if create.delay is UNSET else check_delay(create.delay)
    if at_ms is not None:
        delay_ms = max(at_ms - now_ms, 0)
    options = TaskOptions(
        delay_ms=delay_ms,
        schedule_at_ms=at_ms,
        timeout_ms=None if create.timeout is UNSET else check_timeout(create.timeout),
        retry=None if create.retry is UNSET else _own_retry(create.retry),
        success=None if create.success is UNSET else _own_success(create.success),
        labels=None if create.labels is UNSET else check_labels(create.labels) or None,
        idempotency_key=None
        if create.idempotency_key is UNSET
        else check_idempotency_key(create.idempotency_key),
        callback=None if create.callback is UNSET else check_callback(create.callback),
    )
    return None if options == _PLAIN else options


_PLAIN = TaskOptions()
_DEFAULT_RETRY = Retry()
_DEFAULT_SUCCESS = (2,)
_EVENTS: tuple[CallbackEvent, ...] = ("delivered", "dead", "attempt")


def _own_retry(create: RetryCreate) -> Retry | None:
    retry = check_retry(create)
    return None if retry == _DEFAULT_RETRY and create.deadline is UNSET else retry


def _own_success(values: Iterable[int | str]) -> tuple[int, ...] | None:
    success = check_success(values)
    return None if success == _DEFAULT_SUCCESS else success


def check_task_id(text: str) -> TaskId:
    """Return the id in its usual form."""
    try:
        return TaskId(str(UUID(text)))
    except ValueError as error:
        msg = "is not a UUID"
        raise ValueError(msg) from error


def check_lane_name(lane: str) -> str:
    """Return the lane, of a task or to be managed."""
    if _CONTROL.search(lane):
        msg = "has a control character"
        raise ValueError(msg)
    _check_encodable(lane)
    return lane


def check_lane(lane: str) -> str:
    """Return the lane of a task."""
    if lane.startswith(_SAQ_LANES):
        msg = "begins with saq:, which is for SAQ's jobs"
        raise ValueError(msg)
    return check_lane_name(lane)


def _wait(field: str, text: str) -> int:
    try:
        wait_ms = check_delay(text)
        if wait_ms < 1:
            msg = "should be at least 1ms"
            raise ValueError(msg)
    except ValueError as error:
        raise OptionError(field, error) from error
    return wait_ms


def _optional_wait(field: str, text: str | UnsetType) -> int | None:
    return None if text is UNSET else _wait(field, text)


def deadline_ms(retry: RetryCreate | UnsetType) -> int | None:
    """Return the ms after its due time at which a task is given up; None: the worker's default."""
    return None if retry is UNSET else _optional_wait("deadline", retry.deadline)


def check_retry(create: RetryCreate) -> Retry:
    """Return the policy, without the deadline, which is only checked here."""
    deadline_ms(create)
    if (create.strategy == "schedule") != (create.delays is not UNSET):
        raise OptionError("delays", "goes with the strategy schedule, and no other")
    if create.strategy == "schedule" and create.interval is not UNSET:
        raise OptionError("interval", "does not go with the strategy schedule, which has delays")
    if create.strategy not in {"linear", "exponential"} and create.max_interval is not UNSET:
        raise OptionError("max_interval", "goes with the strategies linear and exponential")
    if create.strategy != "exponential" and create.multiplier is not UNSET:
        raise OptionError("multiplier", "goes with the strategy exponential")
    return Retry(
        strategy=create.strategy,
        interval_ms=_optional_wait("interval", create.interval),
        max_interval_ms=_optional_wait("max_interval", create.max_interval),
        multiplier=2.0 if create.multiplier is UNSET else create.multiplier,
        delays_ms=()
        if create.delays is UNSET
        else tuple(_wait(f"delays[{i}]", delay) for i, delay in enumerate(create.delays)),
        jitter=create.jitter,
        max_attempts=None if create.max_attempts is UNSET else create.max_attempts,
        on=None if create.on is UNSET else _failures(create.on),
    )


def _failures(values: list[int | str]) -> tuple[int | str, ...]:
    try:
        words = {"timeout", "connection"}
        found = {v if v in words else _status(v, ", timeout or connection") for v in values}
        return tuple(sorted(found, key=lambda failure: (failure in words, failure)))
    except ValueError as error:
        raise OptionError("on", error) from error


def check_success(values: Iterable[int | str]) -> tuple[int, ...]:
    """Return classes (1 to 5) and status codes, in their order."""
    return tuple(sorted({_status(value, "") for value in values}))


def _status(value: int | str, more: str) -> int:
    if isinstance(value, int) and 100 <= value <= 599:
        return value
    if isinstance(value, str) and _CLASS.fullmatch(value):
        return int(value[0])
    msg = f"has {value!r}; it should hold status codes (100 to 599) and classes such as 5xx{more}"
    raise ValueError(msg)


def check_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return the labels."""
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            raise OptionError(name[:64], "should be 1 to 63 of A-Z a-z 0-9 _ . - /")
        if _CONTROL.search(value):
            raise OptionError(name, "has a control character in its value")
        _check_encodable(value)
    return labels


def check_idempotency_key(key: str) -> str:
    """Return the key."""
    if not 1 <= len(key) <= 255 or _CONTROL.search(key):
        msg = "should be 1 to 255 characters, none of them a control character"
        raise ValueError(msg)
    _check_encodable(key)
    return key


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = "has half of a surrogate pair"
        raise ValueError(msg) from error


def check_callback(create: CallbackCreate) -> Callback:
    """Return the callback."""
    headers: dict[str, str] = {}
    if create.headers is not UNSET:
        for name, reason in header_errors(create.headers):
            raise OptionError(f"headers.{name}" if name else "headers", reason)
        headers = {name: value.strip(" \t") for name, value in create.headers.items()}
    try:
        url = check_url(create.url)
    except ValueError as error:
        raise OptionError("url", error) from error
    return Callback(url, tuple(event for event in _EVENTS if event in create.on), headers)
