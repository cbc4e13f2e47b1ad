"""Creating tasks."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from queue_common.egress import EgressGuard
from queue_common.errors import UnknownTaskError, UnreadableRecordError
from queue_common.lanes import DEFAULT_PROJECT, host_of, lane_in, lane_of
from queue_common.tracing.context import read_context

from .. import openapi
from ..auth import Principal, Scope, principal_of
from ..parameters import read_idempotency_key
from ..problems import ProblemError, problem, translate
from .body import read_json_body
from .checks import destination_check
from .enqueue import Submission, enqueue
from .parse import parse_task, refused_destination, wrong_key
from .schemas import TaskCreated
from .trace import RequestTrace, begin_trace

if TYPE_CHECKING:
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from queue_common.task import Task, TaskId
    from queue_common.tracing.context import TraceContext

    from ..app_context import AppContext

__all__ = ["PATH", "CreateTask"]

PATH = openapi.PATH

HeadersAndBody = tuple[list[tuple[bytes, bytes]], bytes]

_encoder = msgspec.json.Encoder()


class CreateTask:
    """``POST /api/v1/tasks``: stores a request in the queue, from which a worker makes it.

    FastAPI calls it as an ASGI endpoint that handles its own failures. The fast path calls
    ``submit`` and ``created`` itself, and uses ``respond`` and ``refuse`` if it cannot continue.
    Rules for every POST are in ``check_headers``, before the body is read, and in ``submit``: both
    ways call them.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self.tracing = context.tracing
        self.allowed_hosts = context.allowed_hosts
        self._authenticate = context.authenticator.authenticate
        settings = context.settings
        self.max_bytes: int = settings.api_max_body
        guard = EgressGuard.from_settings(allow=settings.egress_allow, deny=settings.egress_deny)
        self._denial_reason = destination_check(guard)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Handle one request. The response is sent after Redis has stored the task."""
        trace = begin_trace(self.tracing, scope)
        try:
            principal = principal_of(scope)
            principal.check(Scope.ENQUEUE)
            raw = await read_json_body(scope["headers"], receive, self.max_bytes)
            # The fast path takes no request with this header.
            key = read_idempotency_key(scope["headers"], wrong_key)
            submission = self.submit(raw, trace, principal, idempotency_key=key)
        except Exception as error:
            await self.refuse(error, trace, scope, receive, send)
        else:
            await self.respond(submission, scope, receive, send)

    def admit(self, authorization: bytes | None, project: bytes | None) -> Principal | None:
        """Return the sender of a task on the fast path; None if ``AuthGuard`` must refuse it."""
        try:
            principal = self._authenticate(authorization, project)
        except ProblemError:
            return None
        may = Scope.ENQUEUE in principal.scopes and not principal.all_projects
        return principal if may else None

    def submit(
        self, raw: bytes, trace: RequestTrace, principal: Principal,
        *, idempotency_key: str | None = None,
    ) -> Submission:  # fmt: skip
        """Submit the task of a body; raises ProblemError if it is invalid."""
        task, task_id = self.admit_task(raw, trace.send, principal, idempotency_key)
        return enqueue(self._context.queue, task, trace, task_id)

    def admit_task(
        self, raw: bytes, send: TraceContext, principal: Principal,
        idempotency_key: str | None = None, fallback_key: str | None = None,
    ) -> tuple[Task, TaskId | None]:  # fmt: skip
        """Return the task that a body asks for, and the id that it gives it.

        ``send`` is the span that sends it, ``fallback_key`` the key of a task without one. Raises
        ProblemError if it is no task, or not one that the principal may send.
        """
        parsed = parse_task(
            raw, send.headers(), policy=self._context.policy, idempotency_key=idempotency_key,
            fallback_key=fallback_key,
        )  # fmt: skip
        task = parsed.task
        self.check_destinations(task, principal)
        if principal.project != DEFAULT_PROJECT:
            task = msgspec.structs.replace(task, lane=lane_in(principal.project, task.lane))
        return task, parsed.task_id

    def check_destinations(self, task: Task, principal: Principal) -> None:
        """Raise ProblemError if a URL of the task is forbidden, in general or for this key."""
        self._check_destination("url", task.url, principal)
        if task.options is not None and task.options.callback is not None:
            self._check_destination("callback.url", task.options.callback.url, principal)

    def _check_destination(self, field: str, url: str, principal: Principal) -> None:
        if (reason := self._denial_reason(lane_of(url))) is not None:
            raise refused_destination(field, reason)
        if principal.allowed_hosts is not None:
            principal.check_host(host_of(url))

    async def respond(
        self, submission: Submission, scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Respond to a request after Redis has replied."""
        try:
            await submission.until_stored()
        except Exception as error:
            await self.refuse(error, submission.trace, scope, receive, send)
            return
        status = HTTPStatus.CREATED
        headers, body = self.created(submission)
        if (first := submission.first) is not None:
            status = HTTPStatus.OK
            headers, body = await self._exists(first, submission.trace)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        submission.trace.responded(status)

    def created(self, submission: Submission) -> HeadersAndBody:
        """Return headers and body of the 201."""
        trace_id = submission.trace.send.trace_id
        return self._response(submission.task_id, "Task created successfully", trace_id)

    async def _exists(self, task_id: TaskId, trace: RequestTrace) -> HeadersAndBody:
        """Return headers and body for a task that an earlier request has created."""
        trace_id = None
        with suppress(UnknownTaskError, UnreadableRecordError):  # its record may have expired
            view = await self._context.queue.get_task(task_id)
            context = read_context(view.task.trace_context or {}) if view.task else None
            trace_id = context.trace_id if context else None
        headers, body = self._response(
            task_id, "Task exists already", trace_id or trace.send.trace_id
        )
        return [*headers, (b"idempotent-replayed", b"true")], body

    def _response(self, task_id: TaskId, message: str, trace_id: str) -> HeadersAndBody:
        url = self._context.settings.trace_url(trace_id) or UNSET
        body = _encoder.encode(TaskCreated(task_id, message, trace_id, url))
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            (b"location", f"{PATH}/{task_id}".encode()),
        ]
        return headers, body

    async def refuse(
        self, error: Exception, trace: RequestTrace, scope: AsgiScope, receive: Receive, send: Send
    ) -> None:
        """Respond to a request that failed; raises ``error`` again if it is a bug of ours."""
        response = problem(translate(error))
        await response(scope, receive, send)
        trace.responded(response.status_code, error)
        if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise error
