"""What can go wrong: one tree of exceptions, by the kind of problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from .models.system import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .models.system import FieldError

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BatchInterruptedError",
    "ConflictError",
    "IdempotencyConflictError",
    "InvalidTaskError",
    "LimitExceededError",
    "NotFoundError",
    "PermissionDeniedError",
    "QueueClientError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTimeoutError",
    "WrongStateError",
    "error_of",
]


class QueueClientError(Exception):
    """Anything that a client raises."""


class UnreachableError(QueueClientError):
    """No answer came: the connection failed, or the answer took too long."""


class UnexpectedAnswerError(QueueClientError):
    """The answer is none of this API: a proxy's page, or another server's."""


class WaitTimeoutError(QueueClientError):
    """The task had not come to its end in the time given."""


class BatchInterruptedError(QueueClientError):
    """A batch stopped in the middle; its cause is the error that stopped it.

    The first ``settled`` tasks are answered. The same tasks under the same ``batch_id`` may be sent
    again from the start: what was accepted is not doubled.
    """

    def __init__(self, batch_id: str, settled: int, cause: QueueClientError) -> None:
        super().__init__(f"the batch {batch_id} stopped after {settled} tasks: {cause}")
        self.batch_id = batch_id
        self.settled = settled
        self.__cause__ = cause


class ApiError(QueueClientError):
    """The API refused; ``problem`` says why."""

    kinds: ClassVar[tuple[str, ...]] = ()
    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.sentence)
        self.problem = problem
        self.retry_after = retry_after
        """Seconds after which the API asks to try again."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def kind(self) -> str:
        """The kind of problem, such as ``invalid-task``."""
        return self.problem.kind

    @property
    def errors(self) -> list[FieldError]:
        """What is wrong, field by field."""
        return self.problem.errors


class InvalidTaskError(ApiError):
    """The request is not valid; ``errors`` names every field and reason."""

    kinds: ClassVar[tuple[str, ...]] = ("invalid-task", "malformed-json")
    statuses: ClassVar[tuple[int, ...]] = (400, 413, 415, 422)


class AuthenticationError(ApiError):
    """The token is missing, unknown or expired."""

    kinds: ClassVar[tuple[str, ...]] = ("unauthorized",)
    statuses: ClassVar[tuple[int, ...]] = (401,)


class PermissionDeniedError(ApiError):
    """The token's scopes, project or allowed hosts do not cover this."""

    kinds: ClassVar[tuple[str, ...]] = ("forbidden",)
    statuses: ClassVar[tuple[int, ...]] = (403,)


class NotFoundError(ApiError):
    """Nothing has this id or name, or its record has expired."""

    kinds: ClassVar[tuple[str, ...]] = ("not-found",)
    statuses: ClassVar[tuple[int, ...]] = (404,)


class ConflictError(ApiError):
    """The id belongs to another task, or the state does not allow this."""

    kinds: ClassVar[tuple[str, ...]] = ("conflict",)
    statuses: ClassVar[tuple[int, ...]] = (409,)


class WrongStateError(ConflictError):
    """The task's state does not allow this."""

    kinds: ClassVar[tuple[str, ...]] = ("wrong-state",)
    statuses: ClassVar[tuple[int, ...]] = ()


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used for another request."""

    kinds: ClassVar[tuple[str, ...]] = ("idempotency-conflict",)
    statuses: ClassVar[tuple[int, ...]] = ()


class LimitExceededError(ApiError):
    """A limit is reached: ``problem.limit`` names it; ``retry_after`` says when to come again."""

    kinds: ClassVar[tuple[str, ...]] = ("limit-exceeded", "backlog-full")
    statuses: ClassVar[tuple[int, ...]] = (429,)


class UnavailableError(ApiError):
    """The API or its Redis cannot take this now; the same call may be made again."""

    kinds: ClassVar[tuple[str, ...]] = ("queue-unavailable",)
    statuses: ClassVar[tuple[int, ...]] = (500, 502, 503, 504)


def _all(cls: type[ApiError]) -> list[type[ApiError]]:
    return [cls, *(below for sub in cls.__subclasses__() for below in _all(sub))]


_BY_KIND = {kind: cls for cls in _all(ApiError) for kind in cls.kinds}
_BY_STATUS = {status: cls for cls in _all(ApiError) for status in cls.statuses}


def error_of(status: int, headers: Mapping[str, str], content: bytes) -> ApiError:
    """Return the exception for an answer that is no success."""
    problem = read_problem(status, content)
    cls = _BY_KIND.get(problem.kind) or _BY_STATUS.get(status, ApiError)
    return cls(problem, retry_after_seconds(headers))


def error_of_problem(problem: Problem) -> ApiError:
    """Return the exception for a problem within an answer, such as a batch's."""
    return (_BY_KIND.get(problem.kind) or _BY_STATUS.get(problem.status, ApiError))(problem)


def read_problem(status: int, content: bytes) -> Problem:
    """Read a problem document; what is none becomes one."""
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.DecodeError:
        text = content[:200].decode(errors="replace").strip()
        if text.startswith("<"):
            text = f"HTTP {status} came with a web page: it is no answer of this API"
        return Problem(title=f"HTTP {status}", status=status, detail=text)
    return problem if problem.status else msgspec.structs.replace(problem, status=status)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of ``Retry-After``; None if it is absent or no number."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
