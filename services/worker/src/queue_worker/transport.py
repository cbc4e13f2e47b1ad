"""The HTTP client under the deliveries: connections kept a destination, on asyncio and httptools.

It is an ``httpx.AsyncBaseTransport``, so that any other of httpx's transports can take its place.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx

from .wire import Answer, Connection, Progress, request_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Transport"]

IDLE_SECONDS = 30.0
SWEEP_SECONDS = 5.0

_Destination = tuple[str, str, int]
_PORTS = {"http": 80, "https": 443}


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body


class Transport(httpx.AsyncBaseTransport):
    """Sends requests over HTTP/1.1, TLS where the URL says so.

    A connection whose answer was whole is kept for 30 s and given to the next request for its
    destination, the one used last first. Of all kept ones the oldest is closed when ``most_idle``
    is passed. Giving and taking cost O(1). An answer is returned whole, cut off after 1 MiB. The
    caller sets the time for a request, by cancelling it.
    """

    def __init__(self, *, most_idle: int = 1000, tls: ssl.SSLContext | None = None) -> None:
        self._most_idle = most_idle
        self._tls = tls or ssl.create_default_context()
        self._idle: dict[Connection, _Destination] = {}
        self._by_destination: dict[_Destination, dict[Connection, None]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make the request.

        Raises httpx.ConnectError (its cause tells resolution, TLS and connection apart),
        httpx.ReadError and httpx.ProtocolError. A kept connection that turns out to be closed, with
        no byte of an answer, is replaced and the request sent again.
        """
        data = request_bytes(request)
        is_head = request.method == "HEAD"
        progress: Progress | None = request.extensions.get("progress")
        destination = _destination(request.url)
        while (kept := self._take(destination)) is not None:
            try:
                return await self._exchange(kept, destination, data, is_head, progress)
            except httpx.ReadError:
                if kept.answering:
                    raise
        fresh = await self._connect(destination, progress)
        return await self._exchange(fresh, destination, data, is_head, progress)

    async def _exchange(
        self,
        connection: Connection,
        destination: _Destination,
        data: bytes,
        is_head: bool,
        progress: Progress | None,
    ) -> httpx.Response:
        try:
            answer = await connection.exchange(data, is_head=is_head, progress=progress)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._keep(connection, destination)
        return _response(answer)

    async def _connect(self, destination: _Destination, progress: Progress | None) -> Connection:
        scheme, host, port = destination
        if progress is not None:
            progress.phase = "connect"
        tls = self._tls if scheme == "https" else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self._forget), host, port, ssl=tls,
                server_hostname=host if tls else None,
            )  # fmt: skip
        except (OSError, UnicodeError) as error:
            msg = str(error) or type(error).__name__
            raise httpx.ConnectError(msg) from error
        return connection

    def _take(self, destination: _Destination) -> Connection | None:
        kept = self._by_destination.get(destination)
        if not kept:
            return None
        connection, _ = kept.popitem()
        if not kept:
            del self._by_destination[destination]
        del self._idle[connection]
        return connection

    def _keep(self, connection: Connection, destination: _Destination) -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle[connection] = destination
        self._by_destination.setdefault(destination, {})[connection] = None
        if len(self._idle) > self._most_idle:
            self._close_oldest()
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._close_old)

    def _forget(self, connection: Connection) -> None:
        destination = self._idle.pop(connection, None)
        if destination is None:
            return
        kept = self._by_destination[destination]
        del kept[connection]
        if not kept:
            del self._by_destination[destination]

    def _close_oldest(self) -> None:
        oldest = next(iter(self._idle))
        self._forget(oldest)
        oldest.close()

    def _close_old(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._idle and next(iter(self._idle)).idle_since + IDLE_SECONDS <= now:
            self._close_oldest()
        self._sweep = None
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._close_old)

    async def aclose(self) -> None:
        """Close all kept connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._close_oldest()


def _destination(url: httpx.URL) -> _Destination:
    return url.scheme, url.host, url.port or _PORTS[url.scheme]


def _response(answer: Answer) -> httpx.Response:
    return httpx.Response(
        answer.status_code, headers=answer.headers, stream=_Body(bytes(answer.body))
    )
