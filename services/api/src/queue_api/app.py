"""The ASGI application."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from queue_common.queue import tell_durability
from queue_common.retry import RetryPolicy

from . import openapi, problems
from .routes import health, tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from queue_common.queue import TaskQueue

    from .settings import ApiSettings

__all__ = ["State", "create_app"]


@dataclass(frozen=True, slots=True)
class State:
    """What the routes work with, at ``app.state.api``."""

    settings: ApiSettings
    queue: TaskQueue
    policy: RetryPolicy


def create_app(
    settings: ApiSettings,
    queue: TaskQueue,
    around: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the application; its lifespan opens and closes ``queue``, within ``around``."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with around():
            await queue.connect()
            telling = asyncio.create_task(tell_durability(queue))
            yield
            telling.cancel()
            await queue.disconnect()

    app = FastAPI(
        title="Queue System",
        version=version("queue-api"),
        description="Makes HTTP requests for you, later and reliably.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.api = State(settings, queue, settings.retry_policy())
    app.include_router(tasks.router)
    app.include_router(health.router)
    problems.install(app)
    openapi.install(app)
    return app
