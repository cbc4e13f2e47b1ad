"""A call of the API as a value, and the descriptors that make methods of endpoints.

An endpoint is declared once, as the signature of a method::

    @get("/api/v1/lanes/{lane}")
    def get_lane(self, lane: str) -> Lane:
        '''Return one lane.'''

The parameters that the path names go into it, the others into the query (GET, DELETE) or the JSON
body; those in ``HEADERS`` are headers. Called on a ``QueueClient`` the method returns a ``Lane``,
on an ``AsyncQueueClient`` an awaitable of one.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    get_type_hints,
    overload,
)
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from .query import query_pairs

if TYPE_CHECKING:
    from .callers import AsyncCaller, Caller
    from .models import Event

__all__ = [
    "Call", "Endpoint", "Events", "Page", "Pages", "delete", "get", "post", "put", "turn_page",
]  # fmt: skip

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
ItemT = TypeVar("ItemT", covariant=True)
P = ParamSpec("P")
PATH_PARAMETER = re.compile(r"{(\w+)}")
HEADERS = {"idempotency_key": "Idempotency-Key", "last_event_id": "Last-Event-ID"}


@dataclass
class Call(Generic[T]):
    """One request: what is sent, and the type of the answer."""

    method: str
    path: str
    answer: type[T]
    query: list[tuple[str, str]] = field(default_factory=list)
    body: Any = UNSET
    headers: dict[str, str] = field(default_factory=dict)
    repeatable: bool = False
    """Whether the request may be made again if its answer was lost."""

    def content(self) -> bytes | None:
        """Return the body as it is sent."""
        return None if self.body is UNSET else msgspec.json.encode(self.body)

    def read(self, content: bytes) -> T:
        """Read the answer; an empty one is None."""
        if not content or self.answer is type(None):
            return None  # type: ignore[return-value]
        return msgspec.json.decode(content, type=self.answer)


class Page(Protocol[ItemT]):
    """A part of a listing."""

    @property
    def cursor(self) -> str | None:
        """Where the next page begins; None: this is the last."""

    @property
    def items(self) -> Sequence[ItemT]:
        """What the page lists."""


class Endpoint(Generic[P, T_co]):
    """A method of both clients that makes one call."""

    def __init__(
        self, method: str, path: str, declared: Callable[Concatenate[Any, P], T_co]
    ) -> None:
        self.method = method
        self.path = path
        self.declared = declared
        self.repeatable = method != "POST"
        # A key to find a task by is in the query, one to act once is a header.
        self._header_names = {"idempotency_key"} if method == "POST" else {"last_event_id"}
        self._names = PATH_PARAMETER.findall(path)
        self._signature = inspect.signature(declared)
        beside = {"self", *self._names, *self._header_names}
        self._has_body = bool(self._signature.parameters.keys() - beside)
        self.__doc__ = declared.__doc__

    @functools.cached_property
    def answer(self) -> Any:
        """The type of the answer."""
        return get_type_hints(self.declared)["return"]

    @overload
    def __get__(self, client: Caller, owner: type) -> Callable[P, T_co]: ...
    @overload
    def __get__(
        self, client: AsyncCaller, owner: type
    ) -> Callable[P, Coroutine[Any, Any, T_co]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Endpoint[P, T_co]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Bind the endpoint to a client."""
        if client is None:
            return self

        @functools.wraps(self.declared)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.call(self.build(*args, **kwargs))

        return method

    def build(self, *args: P.args, **kwargs: P.kwargs) -> Call[T_co]:
        """Return the call that the arguments ask for."""
        given = dict(self._signature.bind(None, *args, **kwargs).arguments)
        given.pop("self")
        call: Call[T_co] = Call(self.method, self.path, self.answer, repeatable=self.repeatable)
        for name in self._names:
            call.path = call.path.replace(f"{{{name}}}", quote(str(given.pop(name)), safe=""))
        for name in self._header_names & given.keys():
            if (value := given.pop(name)) is not None:
                call.headers[HEADERS[name]] = value
                call.repeatable = True
        if self.method in {"GET", "DELETE"}:
            call.query = [
                pair for name, value in given.items() for pair in query_pairs(name, value)
            ]
        elif self._has_body:
            call.body = {name: value for name, value in given.items() if value is not UNSET}
        return call


class Pages(Generic[P, ItemT]):
    """A method of both clients that iterates over all that an endpoint lists, page by page."""

    def __init__(self, endpoint: Endpoint[P, Page[ItemT]]) -> None:
        self.endpoint = endpoint
        self.__doc__ = f"Iterate over what ``{endpoint.declared.__name__}`` lists, page by page."

    @overload
    def __get__(self, client: Caller, owner: type) -> Callable[P, Generator[ItemT, None, None]]: ...
    @overload
    def __get__(
        self, client: AsyncCaller, owner: type
    ) -> Callable[P, AsyncGenerator[ItemT, None]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Pages[P, ItemT]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Bind the iteration to a client."""
        if client is None:
            return self

        @functools.wraps(self.endpoint.declared)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.iterate(self.endpoint.build(*args, **kwargs))

        return method


class Events(Generic[P]):
    """A method of both clients that iterates over a stream of events, and resumes it."""

    def __init__(self, endpoint: Endpoint[P, Event]) -> None:
        self.endpoint = endpoint
        self.__doc__ = endpoint.__doc__

    @overload
    def __get__(self, client: Caller, owner: type) -> Callable[P, Generator[Event, None, None]]: ...
    @overload
    def __get__(
        self, client: AsyncCaller, owner: type
    ) -> Callable[P, AsyncGenerator[Event, None]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Events[P]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Bind the stream to a client."""
        if client is None:
            return self

        @functools.wraps(self.endpoint.declared)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.stream(self.endpoint.build(*args, **kwargs))

        return method


def turn_page(call: Call[T], cursor: str) -> None:
    """Have the call ask for the page at ``cursor``."""
    call.query = [*((n, v) for n, v in call.query if n != "cursor"), ("cursor", cursor)]


Declared = Callable[Concatenate[Any, P], T]


def get(path: str) -> Callable[[Declared[P, T]], Endpoint[P, T]]:
    """Declare an endpoint that reads."""
    return lambda declared: Endpoint("GET", path, declared)


def put(path: str) -> Callable[[Declared[P, T]], Endpoint[P, T]]:
    """Declare an endpoint that sets."""
    return lambda declared: Endpoint("PUT", path, declared)


def delete(path: str) -> Callable[[Declared[P, T]], Endpoint[P, T]]:
    """Declare an endpoint that removes."""
    return lambda declared: Endpoint("DELETE", path, declared)


def post(path: str, *, repeatable: bool = False) -> Callable[[Declared[P, T]], Endpoint[P, T]]:
    """Declare an endpoint that acts; ``repeatable``: twice is as good as once."""

    def declare(declared: Declared[P, T]) -> Endpoint[P, T]:
        endpoint = Endpoint("POST", path, declared)
        endpoint.repeatable = repeatable
        return endpoint

    return declare
