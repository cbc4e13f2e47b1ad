"""``POST /api/v1/tasks/batch`` as an ASGI endpoint."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from opentelemetry.trace import Link, get_current_span
from starlette.requests import ClientDisconnect

from queue_common.logs import events

from ...auth import Scope, principal_of
from ...parameters import read_idempotency_key
from ...problems import ProblemError, problem, translate
from ..parse import check_batch_key, wrong_key
from ..trace import SendTraces, is_recorded
from .body_stream import EXTENSION
from .items import Batch
from .reader import NDJSON, is_ndjson, json_parts, ndjson_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from ...app_context import AppContext
    from ..routes import CreateTask
    from .reader import Part

__all__ = ["CHUNK_SIZE", "CreateTasks"]

CHUNK_SIZE = 200
"""Tasks that are submitted together: a script call's worth."""

logger = structlog.stdlib.get_logger(__name__)


class CreateTasks:
    """Keeps many requests in the queue; a bad one fails alone, and has its line in the answer.

    The answer is sent behind the request's end, as most clients read only then.
    """

    def __init__(self, context: AppContext, create_task: CreateTask) -> None:
        self._context = context
        self._create_task = create_task

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; what is in the answer is on disk in Redis."""
        try:
            if scope["method"] != "POST":
                raise _only_post()
            principal = principal_of(scope)
            principal.check(Scope.ENQUEUE)
            context = self._context
            key = read_idempotency_key(scope["headers"], wrong_key)
            batch = Batch(
                self._create_task, context, principal, self._traces(scope),
                None if key is None else check_batch_key(key),
            )  # fmt: skip
            by_lines = await self._read(scope, receive, batch)
        except Exception as error:
            response = problem(translate(error))
            await response(scope, receive, send)
            if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return
        _log(batch)
        await _respond(batch, send, by_lines=by_lines)

    def _traces(self, scope: AsgiScope) -> SendTraces:
        """Each task begins a trace, and is linked to the request; a client may decide on spans."""
        span = get_current_span().get_span_context()
        tracing = self._context.tracing
        links = [Link(span)] if span.is_valid else []
        return SendTraces(tracing, links=links, recorded=is_recorded(tracing, scope))

    async def _read(self, scope: AsgiScope, receive: Receive, batch: Batch) -> bool:
        """Submit all tasks; return whether they came as NDJSON."""
        settings = self._context.settings
        sizes = {"max_bytes": settings.api_max_batch, "max_task_bytes": settings.api_max_body}
        by_lines = is_ndjson(scope["headers"])
        if by_lines:
            stream = scope["extensions"][EXTENSION]
            try:
                async for parts in ndjson_parts(receive, stream, **sizes):
                    await _add(batch, parts)
            except ClientDisconnect:
                await batch.end()
                _log(batch)
                raise
        else:
            max_buffered = settings.api_max_buffered
            headers = scope["headers"]
            await _add(
                batch, await json_parts(headers, receive, max_buffered=max_buffered, **sizes)
            )
        await batch.end()
        return by_lines


async def _add(batch: Batch, parts: Sequence[Part]) -> None:
    for i in range(0, len(parts), CHUNK_SIZE):
        await batch.add(parts[i : i + CHUNK_SIZE])


def _log(batch: Batch) -> None:
    logger.info(events.BATCH_ENQUEUED, **batch.log_fields())


def _only_post() -> ProblemError:
    # The path of a task's id matches this one too: it must not answer in its place.
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return ProblemError(status, "method-not-allowed", status.description, headers={"Allow": "POST"})


async def _respond(batch: Batch, send: Send, *, by_lines: bool) -> None:
    if by_lines:
        media_type, body = NDJSON, b"".join([line + b"\n" for line in batch.lines])
    else:
        media_type, body = "application/json", b"[" + b",".join(batch.lines) + b"]"
    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", media_type.encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
