"""Sends calls and tries them again: one class that waits, and one that awaits.

All decisions are in ``Tries``, ``Batch`` and ``EventReader``; here is only the sending and waiting.
"""

from __future__ import annotations

import asyncio
import copy
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
import msgspec

from .call import turn_page
from .errors import UnexpectedAnswerError, UnreachableError, error_of
from .retrying import Reconnecting, RetryPolicy, Tries
from .settings import Connection
from .sse import EventReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from typing_extensions import Self

    from .call import Call, Page
    from .errors import ApiError
    from .in_flight import Stop
    from .models import Event

__all__ = ["TIMEOUT", "AsyncCaller", "Caller"]

T = TypeVar("T")
ItemT = TypeVar("ItemT")
HttpT = TypeVar("HttpT", httpx.Client, httpx.AsyncClient)
TIMEOUT = httpx.Timeout(30, connect=5)
EVENTS_TIMEOUT = httpx.Timeout(30, connect=5, read=45)
"""A stream of events says something every 15 s."""


class _Session(Generic[HttpT]):
    """Where calls go: an HTTP client, which several sessions may share, and who asks."""

    def __init__(
        self, http: HttpT, connection: Connection, retry: RetryPolicy | None, transport: object
    ) -> None:
        self._http: HttpT = http
        self.transport = transport
        """The transport that the caller gave; None: the network's."""
        self._retry = retry or RetryPolicy()
        self._connect(connection)

    def _connect(self, connection: Connection) -> None:
        self.connection = connection
        agent = f"queue-client/{version('queue-client')}"
        self._headers = {"User-Agent": agent, "Accept": "application/json", **connection.headers()}

    def with_options(self, *, token: str | None = None, project: str | None = None) -> Self:
        """Return a client for another caller or project, on the same connections."""
        other = copy.copy(self)
        connection = self.connection
        other._connect(
            Connection(
                connection.base_url, token or connection.token, project or connection.project
            )
        )
        return other

    def _request(self, call: Call[Any], **extensions: Any) -> httpx.Request:
        headers = {**self._headers, **call.headers}
        content = call.content()
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        request: httpx.Request = self._http.build_request(
            call.method, self.connection.base_url + call.path, params=[*call.query],
            content=content, headers=headers, **extensions,
        )  # fmt: skip
        return request

    def _stream_request(self, call: Call[Event], reader: EventReader) -> httpx.Request:
        if reader.last_event_id is not None:
            call.headers["Last-Event-ID"] = reader.last_event_id
        call.headers["Accept"] = "text/event-stream"
        return self._request(call, timeout=EVENTS_TIMEOUT)

    def _tries(self, call: Call[Any]) -> Tries:
        return Tries(self._retry, repeatable=call.repeatable)


class Caller(_Session[httpx.Client]):
    """Makes calls and waits for their answers."""

    def call(self, call: Call[T], stop: Stop | None = None) -> T:
        """Make a call; raises QueueClientError. It is not tried again once ``stop`` is set."""
        tries = self._tries(call)
        request = self._request(call)
        while True:
            try:
                response = self._send(request)
            except httpx.TransportError as error:
                delay = tries.after_error(error)
            else:
                if response.is_success:
                    return _read(call, response)
                delay = tries.after_refusal(_error_of(response))
            if stop is None:
                time.sleep(delay)
            elif stop.wait(delay):
                raise UnreachableError("stopped before the next try")

    def iterate(self, call: Call[Page[ItemT]]) -> Generator[ItemT, None, None]:
        """Yield the items of a page and of all that follow it."""
        while True:
            page = self.call(call)
            yield from page.items
            if page.cursor is None:
                return
            turn_page(call, page.cursor)

    def stream(self, call: Call[Event]) -> Generator[Event, None, None]:
        """Yield events as they come; after a broken connection goes on where it was.

        It gives up only if it never was connected, or what it asks for is refused.
        """
        reader = EventReader(call.headers.get("Last-Event-ID"))
        tries = self._tries(call)
        while True:
            delay = reader.retry_seconds
            try:
                response = self._send(self._stream_request(call, reader), stream=True)
                try:
                    if response.is_success:
                        tries = Reconnecting(self._retry)
                        for received in response.iter_bytes():
                            yield from reader.feed(received)
                    else:
                        response.read()
                        delay = tries.after_refusal(_error_of(response))
                finally:
                    response.close()
            except httpx.TransportError as error:
                delay = tries.after_error(error)
            reader.resume()
            time.sleep(delay)

    def _send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send what all calls send; ``FakeQueue`` stands in for it."""
        return self._http.send(request, stream=stream)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCaller(_Session[httpx.AsyncClient]):
    """Makes calls and awaits their answers."""

    async def call(self, call: Call[T]) -> T:
        """Make a call; raises QueueClientError."""
        tries = self._tries(call)
        request = self._request(call)
        while True:
            try:
                response = await self._send(request)
            except httpx.TransportError as error:
                delay = tries.after_error(error)
            else:
                if response.is_success:
                    return _read(call, response)
                delay = tries.after_refusal(_error_of(response))
            await asyncio.sleep(delay)

    async def iterate(self, call: Call[Page[ItemT]]) -> AsyncGenerator[ItemT, None]:
        """Yield the items of a page and of all that follow it."""
        while True:
            page = await self.call(call)
            for item in page.items:
                yield item
            if page.cursor is None:
                return
            turn_page(call, page.cursor)

    async def stream(self, call: Call[Event]) -> AsyncGenerator[Event, None]:
        """Yield events as they come; after a broken connection goes on where it was.

        It gives up only if it never was connected, or what it asks for is refused.
        """
        reader = EventReader(call.headers.get("Last-Event-ID"))
        tries = self._tries(call)
        while True:
            delay = reader.retry_seconds
            try:
                response = await self._send(self._stream_request(call, reader), stream=True)
                try:
                    if response.is_success:
                        tries = Reconnecting(self._retry)
                        async for received in response.aiter_bytes():
                            for event in reader.feed(received):
                                yield event
                    else:
                        await response.aread()
                        delay = tries.after_refusal(_error_of(response))
                finally:
                    await response.aclose()
            except httpx.TransportError as error:
                delay = tries.after_error(error)
            reader.resume()
            await asyncio.sleep(delay)

    async def _send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send what all calls send; ``FakeQueue`` stands in for it."""
        return await self._http.send(request, stream=stream)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _error_of(response: httpx.Response) -> ApiError:
    return error_of(response.status_code, response.headers, response.content)


def _read(call: Call[T], response: httpx.Response) -> T:
    try:
        return call.read(response.content)
    except msgspec.DecodeError as error:
        msg = f"{call.method} {response.url} answered what is no answer of this API: {error}"
        raise UnexpectedAnswerError(msg) from error
