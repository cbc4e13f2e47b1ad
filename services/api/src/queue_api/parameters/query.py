"""Reads query strings. Unknown, repeated and invalid parameters are errors."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from ..problems import FieldError, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from fastapi import Request

__all__ = [
    "MAX_LIMIT", "Query", "invalid_request", "read_idempotency_key", "refuse_cursor",
]  # fmt: skip

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_LIMIT_DIGITS = 9
_KEY = re.compile(r"[!-~]{1,255}")
T = TypeVar("T")


def invalid_request(errors: list[FieldError]) -> ProblemError:
    """Return the 422 that names the errors of a request."""
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "The request has mistakes.",
        errors=errors,
    )  # fmt: skip


def _wrong_key(reason: str) -> ProblemError:
    return invalid_request([FieldError("Idempotency-Key", reason)])


def read_idempotency_key(
    headers: Iterable[tuple[bytes, bytes]], refusal: Callable[[str], ProblemError] = _wrong_key
) -> str | None:
    """Return the header Idempotency-Key; raises ``refusal`` if it is wrong or comes twice.

    The names in ``headers`` are in lower case. Other characters than ASCII are refused, because
    clients send them in different encodings: a task's field may have them.
    """
    keys = [value for name, value in headers if name == b"idempotency-key"]
    if not keys:
        return None
    key = keys[0].decode("latin-1").strip(" \t")
    if len(keys) > 1:
        raise refusal("should be given once")
    if not _KEY.fullmatch(key):
        raise refusal("should be 1 to 255 visible ASCII characters")
    return key


def refuse_cursor() -> ProblemError:
    """Return the 422 for an invalid cursor."""
    return invalid_request([FieldError("cursor", "is not a cursor of this list")])


class Query:
    """The parameters of one request. ``check`` raises an error that names all invalid ones."""

    def __init__(self, request: Request, known: Collection[str]) -> None:
        self._params = request.query_params
        self.errors = [
            FieldError(name[:100], "is not a parameter of this call")
            for name in self._params
            if name not in known
        ]

    def text(self, name: str) -> str | None:
        """Return a parameter; None if it is missing."""
        values = self._params.getlist(name)
        if len(values) > 1:
            self.errors.append(FieldError(name, "should be given once"))
        return values[0] if values else None

    def texts(self, name: str) -> list[str]:
        """Return a parameter that may be given several times."""
        return self._params.getlist(name)

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Return a parameter parsed by ``parse``, whose ValueError is reported."""
        text = self.text(name)
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            self.errors.append(FieldError(name, str(error)))
            return None

    def limit(self) -> int:
        """Return ``limit``."""
        return self.read("limit", _limit) or DEFAULT_LIMIT

    def check(self) -> None:
        """Raise ProblemError 422 if a parameter is invalid."""
        if self.errors:
            raise invalid_request(self.errors)


def _limit(text: str) -> int:
    # Python refuses to read thousands of digits.
    is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_LIMIT_DIGITS
    if not is_number or not 1 <= int(text) <= MAX_LIMIT:
        msg = f"should be 1 to {MAX_LIMIT}"
        raise ValueError(msg)
    return int(text)
