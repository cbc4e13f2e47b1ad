"""The spans of a POST: the server span, and the send span, whose context the task carries.

OpenTelemetry's instrumentation is not used here, because it costs more than the rest of the request
(docs/adr/0010-spans-made-at-their-end.md).
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from queue_common.logs import events
from queue_common.never_raises import never_raises
from queue_common.tracing import names
from queue_common.tracing.context import TraceContext, new_span_id, new_trace_id, read_context
from queue_common.tracing.spans import OK, failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import Link
    from starlette.types import Scope

    from queue_common.task import Task, TaskId
    from queue_common.tracing.spans import Spans
    from queue_common.tracing.tracer import Tracing

__all__ = ["RequestTrace", "SendTraces", "begin_trace", "is_recorded"]

MAX_PORT_DIGITS = 5
_CARRIERS = {b"traceparent": "traceparent", b"tracestate": "tracestate", b"baggage": "baggage"}


def begin_trace(tracing: Tracing, scope: Scope, *, seconds_ago: float = 0.0) -> RequestTrace:
    """Continue the client's trace or begin a new one. The request arrived ``seconds_ago``."""
    parent = _parent(scope["headers"])
    server = tracing.begin(parent)
    spans = tracing.recorder(server)
    if spans is None:
        return RequestTrace(server)
    started_ns = time.time_ns() - round(seconds_ago * 1e9)
    return _RecordedRequest(spans, scope, parent, server, tracing.queue, started_ns)


def is_recorded(tracing: Tracing, scope: Scope) -> bool:
    """Return whether the tasks of a request may begin recorded traces: a client may forbid it."""
    parent = _parent(scope["headers"])
    return parent is None or tracing.begin(parent).sampled


def _parent(headers: list[tuple[bytes, bytes]]) -> TraceContext | None:
    found: dict[str, str] = {}
    for name, value in headers:
        if name in _CARRIERS:
            key, text = _CARRIERS[name], value.decode("latin-1")
            # Repeated list headers form one list. A repeated traceparent is invalid with a comma.
            found[key] = f"{found[key]},{text}" if key in found else text
    return read_context(found) if found else None


class RequestTrace:
    """The trace of a request that is not recorded: only ids that are passed on."""

    __slots__ = ("send",)

    def __init__(self, send: TraceContext) -> None:
        self.send = send
        """The context of the send span, which is the parent of every attempt."""

    def sending(self) -> None:
        """Record that the task is being submitted."""

    def sent(self, task_id: TaskId, task: Task, error: Exception | None = None) -> None:
        """Record the send span: Redis has replied, or ``error`` prevented it."""

    def responded(self, status: int, error: Exception | None = None) -> None:
        """Record the server span: the response has been sent."""


class SendTraces:
    """Begins a trace with each send span, for tasks that have no request of their own."""

    def __init__(
        self, tracing: Tracing, *, links: Sequence[Link] = (), recorded: bool = True,
        attributes: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Give each send span these links and attributes; none is, unless ``recorded``."""
        self._tracing = tracing
        self._links = links
        self._recorded = recorded
        self._attributes = attributes or {}

    def begin(self) -> RequestTrace:
        """Begin the trace of a task."""
        if not self._recorded:
            return RequestTrace(TraceContext(new_trace_id(), new_span_id()))
        send = self._tracing.begin(None)
        spans = self._tracing.recorder(send)
        if spans is None:
            return RequestTrace(send)
        queue = self._tracing.queue
        return _RecordedSend(spans, send, "", queue, links=self._links, more=self._attributes)


class _RecordedSend(RequestTrace):
    """The trace of a task with a recorded send span."""

    __slots__ = ("_links", "_more", "_parent_id", "_queue", "_sending_ns", "_spans")

    def __init__(
        self, spans: Spans, send: TraceContext, parent_id: str, queue: str, *,
        links: Sequence[Link] = (), more: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(send)
        self._spans = spans
        self._parent_id = parent_id
        self._queue = queue
        self._links = links
        self._more = more or {}
        self._sending_ns = time.time_ns()

    def sending(self) -> None:
        self._sending_ns = time.time_ns()

    @never_raises
    def sent(self, task_id: TaskId, task: Task, error: Exception | None = None) -> None:
        attributes: dict[str, str | int] = {
            names.MESSAGING_SYSTEM: names.SYSTEM,
            names.DESTINATION_NAME: self._queue,
            names.MESSAGE_ID: task_id,
            names.OPERATION_NAME: names.SEND,
            names.OPERATION_TYPE: names.SEND,
            events.TASK_ID: task_id,
            **events.lane_fields(task.lane),
            **self._more,
        }
        if error is not None:
            attributes[names.ERROR_TYPE] = type(error).__name__
        self._spans.record(
            f"{names.SEND} {self._queue}", SpanKind.PRODUCER, self.send,
            parent_id=self._parent_id, started_ns=self._sending_ns, ended_ns=time.time_ns(),
            attributes=attributes, status=OK if error is None else failed(str(error)),
            links=self._links,
        )  # fmt: skip


class _RecordedRequest(_RecordedSend):
    """The trace of a recorded request."""

    __slots__ = ("_parent", "_scope", "_server", "_started_ns")

    def __init__(
        self, spans: Spans, scope: Scope, parent: TraceContext | None, server: TraceContext,
        queue: str, started_ns: int,
    ) -> None:  # fmt: skip
        super().__init__(spans, server.span(new_span_id()), server.span_id, queue)
        self._scope = scope
        self._parent = parent
        self._server = server
        self._started_ns = started_ns

    @never_raises
    def responded(self, status: int, error: Exception | None = None) -> None:
        scope = self._scope
        attributes = {**_request_attributes(scope), names.HTTP_STATUS: status}
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            attributes[names.ERROR_TYPE] = type(error).__name__ if error else str(status)
        self._spans.record(
            f"{scope['method']} {_route(scope)}", SpanKind.SERVER, self._server,
            parent_id=self._parent.span_id if self._parent else "", parent_is_remote=True,
            started_ns=self._started_ns, ended_ns=time.time_ns(), attributes=attributes,
            # An error of the client is not an error of the server.
            status=failed(None) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else OK,
        )  # fmt: skip


def _route(scope: Scope) -> str:
    # The endpoint of new tasks is no route of FastAPI; its path has no parameters.
    return str(getattr(scope.get("route"), "path", scope["path"]))


def _request_attributes(scope: Scope) -> dict[str, str | int]:
    """Return the attributes of the conventions, without the query string and other headers."""
    headers = dict(scope["headers"])
    attributes: dict[str, str | int] = {
        names.HTTP_METHOD: scope["method"],
        names.HTTP_ROUTE: _route(scope),
        names.URL_PATH: scope["path"],
        names.URL_SCHEME: scope["scheme"],
        names.PROTOCOL_VERSION: scope["http_version"],
        **_address(headers.get(b"host", b"").decode("latin-1")),
    }
    if scope.get("client"):
        attributes[names.CLIENT_ADDRESS] = scope["client"][0]
    if b"user-agent" in headers:
        attributes[names.USER_AGENT] = headers[b"user-agent"].decode("latin-1")
    return attributes


def _address(host: str) -> dict[str, str | int]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and len(port) <= MAX_PORT_DIGITS:
        return {names.SERVER_ADDRESS: name, names.SERVER_PORT: int(port)}
    return {names.SERVER_ADDRESS: host} if host else {}
