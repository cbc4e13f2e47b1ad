"""One packet an answer: uvicorn writes an answer's head and its body apart."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CorkedProtocol"]


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, whose writes within one turn of the loop go out together.

    uvloop sends each write at once, in a packet and a system call of its own, which is a tenth of
    what a POST costs.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with the transport corked."""
        corked = _Corked(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", corked))

    def send(self, data: bytes) -> None:
        """Write a whole answer, which has nothing to wait for."""
        cast("_Corked", self.transport).send(data)

    def eof_received(self) -> None:
        """Let the answer go first: a client may close its half once it has asked."""
        corked = cast("_Corked", self.transport)
        corked.flush()
        super().eof_received()


class _Corked:
    __slots__ = ("_loop", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)

    def send(self, data: bytes) -> None:
        self._waiting.append(data)
        self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send what was written in this turn of the loop."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            if not self._transport.is_closing():
                self._transport.write(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a transport's
        return getattr(self._transport, name)
