"""A destination for deliveries: a real HTTP server that records its requests."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from .network.loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

__all__ = ["CannedResponse", "Received", "Receiver"]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """time.monotonic()"""


@dataclass(frozen=True, slots=True)
class CannedResponse:
    """A response of the receiver."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    delay_seconds: float = 0.0
    hangs: bool = False
    """Never responds; the delay is ignored."""


class Receiver(LoopbackServer):
    """Listens on a loopback port while its context is entered."""

    def __init__(self, port: int = 0) -> None:
        super().__init__("*", "/{tail:.*}", self._handle, port)
        self.requests: list[Received] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._scripts: dict[str, list[CannedResponse]] = defaultdict(list)
        self._released = asyncio.Event()

    def respond_with(self, path: str, script: Sequence[int | CannedResponse]) -> None:
        """Respond to requests for ``path`` with these in turn, then always with the last one.

        A number is an answer with that status; without a script the answer is 200.
        """
        self._scripts[path] = [CannedResponse(a) if isinstance(a, int) else a for a in script]

    def release(self) -> None:
        """Respond to all hanging requests, and to later ones too."""
        self._released.set()

    def to(self, path: str) -> list[Received]:
        """Return the requests for ``path``."""
        return [request for request in self.requests if request.path == path]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        await super().__aexit__(kind, error, trace)

    async def _handle(self, request: web.Request) -> web.Response:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            body = await request.read()
            received = Received(
                request.method, request.path, request.headers.copy(), body, time.monotonic()
            )
            self.requests.append(received)
            return await self._answer(request.path)
        finally:
            self.in_flight -= 1

    async def _answer(self, path: str) -> web.Response:
        script = self._scripts[path]
        response = (script.pop(0) if len(script) > 1 else script[0]) if script else CannedResponse()
        if response.hangs:
            await self._released.wait()
        await asyncio.sleep(response.delay_seconds)
        return web.Response(
            status=response.status, headers=dict(response.headers), body=response.body
        )
