"""The ASGI application."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from queue_common.queue import OperationRunner, report_durability

from . import document, problems
from .audit import routes as audit
from .auth.guard import AuthGuard
from .dead_letters import routes as dead_letters
from .events import routes as events
from .instrument import instrument
from .keys import routes as keys
from .lanes import routes as lanes
from .listeners import routes as listeners
from .openapi import BATCH_PATH
from .operations import routes as operations
from .operations.replayer import Replayer, may_send
from .projects import routes as projects
from .routes import docs, health, me, retry_preview, workers
from .signing import routes as signing
from .stats import routes as stats
from .tasks import routes as tasks
from .tasks.batch.route import CreateTasks
from .tasks.manage import act, read, replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .app_context import AppContext
    from .tasks.routes import CreateTask

__all__ = ["create_app"]


def create_app(
    context: AppContext,
    create_task: CreateTask,
    metrics_lifespan: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the ASGI application.

    Its lifespan runs within ``metrics_lifespan`` and ends by closing the context's queue.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runner: OperationRunner = app.state.operations
        async with metrics_lifespan():
            runner.start()
            durability_report = asyncio.create_task(report_durability(context.queue))
            async with _watched_keys(context):
                yield
            durability_report.cancel()
            await runner.close()
            await context.queue.disconnect()

    app = FastAPI(
        title="Queue System",
        version=version("queue-api"),
        description="Makes HTTP requests for you, later and reliably.\n\n"
        "Integers are written without a fraction: `40`; `40.0` is refused.",
        lifespan=lifespan,
        redirect_slashes=False,
        # FastAPI's own pages load scripts from a third party; the page of routes.docs does not.
        docs_url=None,
        redoc_url=None,
    )
    app.state.api = context
    app.state.create_task = create_task
    queue = context.queue
    app.state.operations = OperationRunner(
        queue.bulk, queue.reader, queue.operations, Replayer(context), may_send
    )
    app.router.routes.append(Route(tasks.PATH, create_task, methods=["POST"]))
    create_tasks = CreateTasks(context, create_task)
    app.router.routes.append(Route(BATCH_PATH, create_tasks))
    for routes in (
        read, act, replay, dead_letters, stats, operations, events, lanes, projects, workers, keys,
        signing, audit, me, retry_preview, listeners, health, docs,
    ):  # fmt: skip
        app.include_router(routes.router)
    app.add_middleware(AuthGuard, authenticator=context.authenticator, keys=context.keys)
    problems.install(app)
    document.install(app, checks_keys=context.authenticator.checks_keys)
    instrument(app, context.tracing)
    return app


def _watched_keys(context: AppContext) -> AbstractAsyncContextManager[None]:
    return context.keys.watched() if context.authenticator.checks_keys else nullcontext()
