"""An HTTP server in the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

__all__ = ["LoopbackServer"]

BACKLOG = 1024


class LoopbackServer:
    """Passes requests on a loopback port to ``handle`` while its context is entered."""

    def __init__(
        self,
        method: str,
        path: str,
        handle: Callable[[web.Request], Awaitable[web.Response]],
        port: int = 0,
    ) -> None:
        self._route = (method, path, handle)
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """``host:port``; the port is known once the context is entered, unless it was given."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://{self.address}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route(*self._route)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=BACKLOG).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
