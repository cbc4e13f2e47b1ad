"""What the fake answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import msgspec

if TYPE_CHECKING:
    from ..models import Problem

__all__ = ["PROBLEM", "NotFakedError", "ProblemAnswer", "answer", "refused", "route"]

PROBLEM = "urn:queue-system:problem:"
Handler = TypeVar("Handler", bound=Callable[..., httpx.Response])


class ProblemAnswer(Exception):  # noqa: N818 - an answer, which takes the short way out
    """A problem that ends a request."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.retry_after = retry_after


class NotFakedError(NotImplementedError):
    """The fake queue has no such part of the API."""


def answer(body: Any, status: int = 200) -> httpx.Response:
    """Return a JSON response; None has no body."""
    if body is None:
        return httpx.Response(204)
    headers = {"Content-Type": "application/json"}
    return httpx.Response(status, headers=headers, content=msgspec.json.encode(body))


def refused(problem: Problem, retry_after: float | None = None) -> httpx.Response:
    """Return a problem document."""
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    content = msgspec.json.encode(problem)
    return httpx.Response(problem.status, headers=headers, content=content)


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Mark a method as the handler of a route; ``{}`` stands for a part of the path."""

    def mark(handler: Handler) -> Handler:
        handler.route = method, path  # type: ignore[attr-defined]
        return handler

    return mark
