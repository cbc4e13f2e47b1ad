"""The ASGI application."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from queue_common.queue import report_durability

from . import openapi, problems
from .app_context import AppContext
from .http.origin import AllowedHosts
from .instrument import instrument
from .routes import docs, health
from .tasks import routes as tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from queue_common.queue import TaskQueue
    from queue_common.tracing.tracer import Tracing

    from .settings import ApiSettings

__all__ = ["create_app"]


def create_app(
    settings: ApiSettings,
    queue: TaskQueue,
    tracing: Tracing,
    around: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the ASGI application; its lifespan opens and closes ``queue``, within ``around``."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with around():
            telling = asyncio.create_task(report_durability(queue))
            yield
            telling.cancel()
            await queue.disconnect()

    app = FastAPI(
        title="Queue System",
        version=version("queue-api"),
        description="Makes HTTP requests for you, later and reliably.",
        lifespan=lifespan,
        redirect_slashes=False,
        # Its own pages load their scripts from a third party; routes.docs has one that does not.
        docs_url=None,
        redoc_url=None,
    )
    allowed = AllowedHosts(settings.allowed_hosts())
    app.state.api = AppContext(settings, queue, settings.retry_policy(), tracing, allowed)
    app.state.create_task = create_task = tasks.CreateTask(app.state.api)
    app.router.routes.append(Route(tasks.PATH, create_task, methods=["POST"]))
    app.include_router(tasks.router)
    app.include_router(health.router)
    app.include_router(docs.router)
    problems.install(app)
    openapi.install(app)
    instrument(app, tracing)
    return app
