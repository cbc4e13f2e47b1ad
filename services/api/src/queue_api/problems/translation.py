"""Translates failures to problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from queue_common.errors import (
    ConflictError,
    IdempotencyConflictError,
    LimitError,
    QueueUnavailableError,
    UnknownOperationError,
    UnknownProjectError,
    UnknownTaskError,
    UnreadableRecordError,
    WrongStateError,
)

from .limit import describe_limit
from .lingering_response import LingeringResponse
from .unavailable import log_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastapi import APIRouter

__all__ = [
    "MEDIA_TYPE", "RETRY_AFTER_SECONDS", "FieldError", "Problem", "ProblemError", "document_of",
    "install", "problem", "translate",
]  # fmt: skip

MEDIA_TYPE = "application/problem+json"
_BEFORE_BODY = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.MISDIRECTED_REQUEST,
}
RETRY_AFTER_SECONDS = 2
"""Redis restarts within seconds."""


class FieldError(msgspec.Struct, frozen=True):
    """An error in one field of the request."""

    field: str
    """The field's name, such as ``headers.X-Id``; empty for the whole body."""
    reason: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document."""

    type: str
    """The kind of problem."""
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    """All invalid fields."""
    limit: str | None = None
    """The limit that is reached, for a 429."""


class ProblemError(Exception):
    """A failure of a request, with its response."""

    def __init__(
        self, status: HTTPStatus, kind: str, detail: str, *,
        errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None,
        limit: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.limit = limit


def document_of(error: ProblemError) -> Problem:
    """Return the problem document."""
    return Problem(
        type=f"urn:queue-system:problem:{error.kind}",
        title=error.status.phrase,
        status=error.status,
        detail=error.detail,
        errors=error.errors,
        limit=error.limit,
    )


def problem(error: ProblemError) -> Response:
    """Return the response."""
    content = msgspec.json.encode(document_of(error))
    response_class = LingeringResponse if error.status in _BEFORE_BODY else Response
    return response_class(content, error.status, error.headers, MEDIA_TYPE)


def _unavailable(error: Exception) -> ProblemError:
    assert isinstance(error, QueueUnavailableError)  # noqa: S101 - by the table below
    log_unavailable(error)
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE, "queue-unavailable", error.summary, headers=retry
    )


def _unknown_task(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-task", str(error))


def _unknown_operation(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-operation", str(error))


def _unreadable(error: Exception) -> ProblemError:
    """Translate a record that another program has written under this id."""
    return ProblemError(HTTPStatus.NOT_FOUND, "unreadable-record", str(error))


def _conflict(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, "conflict", str(error))


def _idempotency_conflict(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-conflict", str(error))


def _unknown_project(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-project", str(error))


def _wrong_state(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.CONFLICT, "wrong-state", str(error))


def _limited(error: Exception) -> ProblemError:
    assert isinstance(error, LimitError)  # noqa: S101 - by the table below
    kind, detail, headers = describe_limit(error)
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS, kind, detail, headers=headers, limit=error.limit
    )


def _own(error: Exception) -> ProblemError:
    assert isinstance(error, ProblemError)  # noqa: S101 - by the table below
    return error


def _http(error: Exception) -> ProblemError:
    """Translate the router's errors: an unknown path, or a method that the path does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101 - by the table below
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    return ProblemError(status, kind, status.description, headers=dict(error.headers or {}))


def _allowed(request: Request) -> str:
    """Return all methods of a path, because the router's error only names those of one route."""
    found: set[str] = set()
    for route in _routes(request.app.router):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= route.methods or set()
    return ", ".join(sorted(found))


def _routes(router: APIRouter) -> Iterator[Route]:
    """Return the routes of a router and those of the routers that it includes."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included)
        elif isinstance(route, Route):
            yield route


def _gone(_error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "cut-off", "The body ended before its length.")


def _bug(_error: Exception) -> ProblemError:
    # Starlette raises it again after the response, and uvicorn logs it with its traceback.
    return ProblemError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "Internal error; the API's log has the details.",
    )


_TABLE: dict[type, Callable[[Exception], ProblemError]] = {
    ProblemError: _own,
    QueueUnavailableError: _unavailable,
    UnknownTaskError: _unknown_task,
    UnknownOperationError: _unknown_operation,
    UnreadableRecordError: _unreadable,
    ConflictError: _conflict,
    IdempotencyConflictError: _idempotency_conflict,
    LimitError: _limited,
    UnknownProjectError: _unknown_project,
    WrongStateError: _wrong_state,
    HTTPException: _http,
    ClientDisconnect: _gone,
    Exception: _bug,
}


def translate(error: Exception) -> ProblemError:
    """Return the problem for ``error``; a 500 if it is not in the table."""
    kinds = type(error).__mro__
    return next(_TABLE[kind] for kind in kinds if kind in _TABLE)(error)


def install(app: FastAPI) -> None:
    """Make the app respond to every failure with a problem."""

    async def respond(request: Request, error: Exception) -> Response:
        found = translate(error)
        if found.status == HTTPStatus.METHOD_NOT_ALLOWED:
            found.headers["Allow"] = _allowed(request)
        return problem(found)

    for kind in _TABLE:
        app.add_exception_handler(kind, respond)
