"""The API in memory, as a transport of httpx."""

from __future__ import annotations

import inspect
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httpx

from ..errors import ApiError
from .answers import NotFakedError, ProblemAnswer, refused
from .queue_routes import QueueRoutes
from .task_routes import TaskRoutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .fake import FakeQueue

    Handler = Callable[..., httpx.Response]

__all__ = ["FakeTransport"]


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers what a fake queue can answer; the rest raises NotFakedError."""

    def __init__(self, fake: FakeQueue) -> None:
        self._fake = fake
        # A batch sends from several threads.
        self._lock = threading.Lock()
        self._routes = [*_routes(TaskRoutes(fake)), *_routes(QueueRoutes(fake))]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an asynchronous client."""
        await request.aread()
        return self._answer(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a client."""
        request.read()
        return self._answer(request)

    def find(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]] | None:
        """Return a route's handler and the names in the path."""
        for wanted, pattern, handler in self._routes:
            if wanted == method and (match := pattern.fullmatch(path)):
                return handler, match.groups()
        return None

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            return self._answered(request)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        try:
            if (refusal := self._fake.next_refusal()) is not None:
                raise refusal
            if (found := self.find(request.method, path)) is not None:
                handler, names = found
                return handler(request, *map(unquote, names))
        except ProblemAnswer as error:
            return refused(error.problem, error.retry_after)
        except ApiError as error:
            return refused(error.problem)
        msg = f"FakeQueue does not have {request.method} {path}: test this part with a real queue"
        raise NotFakedError(msg)


def _routes(routes: object) -> Iterator[tuple[str, re.Pattern[str], Handler]]:
    """Yield the methods that ``route`` marked."""
    for _, handler in inspect.getmembers(routes, inspect.ismethod):
        if marked := getattr(handler, "route", None):
            method, path = marked
            yield method, re.compile(path.replace("{}", "([^/]+)")), handler
