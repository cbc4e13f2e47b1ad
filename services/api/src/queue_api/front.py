"""The way in by ASGI: the hot route goes straight to its handler, all others through FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routes.tasks import PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .routes.tasks import CreateTask

__all__ = ["Front"]


class Front:
    """An ASGI application.

    FastAPI's middleware and routing take 150 us a request, several times what the rest of
    ``POST /api/v1/tasks`` takes (docs/adr/0012-the-hot-route.md).
    """

    def __init__(self, create_task: CreateTask, others: ASGIApp) -> None:
        self.create_task = create_task
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol: a request, or the lifespan."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self.create_task(scope, receive, send)
        else:
            await self._others(scope, receive, send)
