"""Converts a request's body to a new key."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from msgspec import UNSET

from ..auth.hosts import check_host_pattern
from ..auth.project_names import check_project_name
from ..parameters import invalid_request, parse_time
from ..problems import FieldError
from .record import new_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import KeyRecord
    from .schemas import KeyCreate

__all__ = ["make_key"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def make_key(create: KeyCreate, project: str) -> tuple[KeyRecord, str]:
    """Return the new key's record, and the key.

    ``project`` is the default. Raises ProblemError 422.
    """
    errors: list[FieldError] = []

    def checked(field: str, check: Callable[[str], object], value: str) -> None:
        try:
            check(value)
        except ValueError as error:
            errors.append(FieldError(field, str(error)))

    checked("name", _check_name, create.name)
    if create.project is not UNSET:
        checked("project", check_project_name, create.project)
        project = create.project
    if len(set(create.scopes)) < len(create.scopes):
        errors.append(FieldError("scopes", "has a scope twice"))
    expires_at = create.expires_at
    if isinstance(expires_at, str):
        checked("expires_at", _future, expires_at)
    hosts = create.allowed_hosts or None
    for i, host in enumerate(hosts or ()):
        checked(f"allowed_hosts[{i}]", check_host_pattern, host)
    if errors:
        raise invalid_request(errors)
    return new_key(
        project, create.name, create.scopes,
        expires_at_ms=parse_time(expires_at) if isinstance(expires_at, str) else None,
        allowed_hosts=None if hosts is None else [check_host_pattern(host) for host in hosts],
    )  # fmt: skip


def _check_name(name: str) -> None:
    if _CONTROL.search(name):
        msg = "has a control character"
        raise ValueError(msg)


def _future(text: str) -> None:
    if parse_time(text) <= time.time() * 1000:
        msg = "should be in the future"
        raise ValueError(msg)
