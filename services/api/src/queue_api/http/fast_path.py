"""The fast path of POSTs of tasks, below ASGI (docs/adr/0019-limits-and-the-fast-path.md)."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..openapi import PATH
from ..tasks.trace import begin_trace
from .counting import count_request
from .head import Head, read_head
from .limits import LimitedProtocol
from .shared import SharedLimits

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from queue_common.queue import Stored

    from ..auth import Principal
    from ..metrics import ApiMetrics
    from ..tasks.enqueue import Submission
    from ..tasks.routes import CreateTask
    from .refusals import Refusal
    from .shared import Limits

__all__ = ["FastPath", "FastPathProtocol"]


class FastPath:
    """State of the fast path that all connections share."""

    def __init__(self, create_task: CreateTask, metrics: ApiMetrics, limits: Limits) -> None:
        self.create_task = create_task
        self.metrics = metrics
        self.limits = SharedLimits(limits, metrics.refused)
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._response_start = b"HTTP/1.1 201 Created\r\n"

    def response(self, submission: Submission, default_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the response for a stored task, as uvicorn would write it."""
        if default_headers is not self._default_headers:  # uvicorn makes new ones each second
            self._default_headers = default_headers
            self._response_start = b"HTTP/1.1 201 Created\r\n" + _lines(default_headers)
        headers, body = self.create_task.created(submission)
        return b"%b%b\r\n%b" % (self._response_start, _lines(headers), body)


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _PendingSubmission(NamedTuple):
    """A request on the fast path that waits for Redis' reply."""

    submission: Submission
    raw: bytes
    """The complete request, for uvicorn if it takes over."""
    began: float


class FastPathProtocol(LimitedProtocol):
    """The limited protocol, with a fast path for plain ``POST /api/v1/tasks``.

    They are read, submitted and responded to here, without an asyncio task and without ASGI. The
    fast path adds two states to those of ``LimitedProtocol``. The table shows where the bytes are:

    ==========  ==========================  ================================================
    fast body   ``_received``                   a plain head has come, its body has not
    stored soon ``_pending.raw``          the task is on its way to Redis; what comes behind
                                            the request waits in ``_pipelined``
    ==========  ==========================  ================================================

    uvicorn handles everything else: other requests, every response except 201, and a request if
    its submission fails, its client disconnects or the process stops. uvicorn then gets the bytes
    of the request, which its parser has not seen, and an application that continues from the
    current step. So nothing is submitted twice, and the rules of HTTP connections are uvicorn's.
    """

    def __init__(self, fast_path: FastPath, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._fast_path = fast_path
        self._head: Head | None = None
        """The head of a request on the fast path with an incomplete body."""
        self._principal: Principal | None = None
        """Who sends it."""
        self._received_at = 0.0
        """The time at which that head arrived, by perf_counter."""
        self._received: list[bytes] = []
        self._missing_bytes = 0
        self._pending: _PendingSubmission | None = None
        super().__init__(fast_path.limits, *args, **named)

    def _read(self, data: bytes) -> None:
        """Handle a plain POST of a task on the fast path, and everything else by uvicorn."""
        if self._head is None:
            head = self._read_head(data) if self._is_between_requests() else None
            if head is None:
                super()._read(data)
                return
            self._head = head
            self._missing_bytes = head.request_bytes
            self._received_at = time.perf_counter()
        self._read_body(self._head, data)

    def _read_head(self, data: bytes) -> Head | None:
        """Return the head of a request for the fast path by a client that may send tasks."""
        create_task = self._fast_path.create_task
        found = read_head(data, create_task.max_bytes, create_task.allowed_hosts)
        if found is None:
            return None
        head, authorization = found
        self._principal = create_task.admit(authorization, head.project)
        return None if self._principal is None else head

    def _is_between_requests(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return (
            self._pending is None
            and not self._in_message
            and not self._head_bytes
            and (cycle is None or cycle.response_complete)
            # If the client does not read its responses, uvicorn waits for it.
            and not self.flow.write_paused
        )

    def _is_busy(self) -> bool:
        return self._pending is not None or super()._is_busy()

    def _read_body(self, head: Head, data: bytes) -> None:
        missing = self._missing_bytes
        if len(data) < missing:
            self._keep_body(data)
        elif len(data) == missing:
            self._submit(head, self._take_received(data))
        else:
            self._submit(head, self._take_received(data[:missing]))
            self._hold_pipelined(data[missing:])

    def _keep_body(self, data: bytes) -> None:
        if not self._received:
            self._state_began_at = self.loop.time()
            self._body_bytes = 0
        self._received.append(data)
        self._body_bytes += len(data)
        self._missing_bytes -= len(data)
        self._count_buffered(len(data))
        self._arm_timer()

    def _take_received(self, last: bytes) -> bytes:
        self._head = None
        if not self._received:
            return last
        received = b"".join([*self._received, last])
        self._received.clear()
        return received

    def _submit(self, head: Head, raw: bytes) -> None:
        began = self._received_at
        create_task = self._fast_path.create_task
        trace = begin_trace(
            create_task.tracing,
            {
                "method": "POST", "path": PATH, "http_version": "1.1", "scheme": self.scheme,
                "client": self.client, "headers": head.headers,
            },
            seconds_ago=time.perf_counter() - began,
        )  # fmt: skip
        try:
            principal = cast("Principal", self._principal)
            submission = create_task.submit(raw[head.head_bytes :], trace, principal)
        except Exception as error:
            self._pass_to_uvicorn(raw, partial(create_task.refuse, error, trace), began)
            return
        self._pending = _PendingSubmission(submission, raw, began)
        submission.stored.add_done_callback(self._on_stored)

    def _on_stored(self, stored: asyncio.Future[Stored]) -> None:
        pending = self._pending
        if pending is None or pending.submission.stored is not stored:
            return  # uvicorn has taken it over
        if (
            stored.cancelled()
            or stored.exception() is not None
            or (stored.result() is not True and pending.submission.first is not None)
        ):
            self._hand_to_uvicorn()
            return
        self._pending = None
        submission = pending.submission
        response = self._fast_path.response(submission, self.server_state.default_headers)
        if not self.transport.is_closing():
            self.transport.write(response)
        self.server_state.total_requests += 1
        self._become_idle()
        submission.report()
        submission.trace.responded(HTTPStatus.CREATED)
        seconds = time.perf_counter() - pending.began
        self._fast_path.metrics.responded("POST", PATH, HTTPStatus.CREATED, seconds)
        if self._pipelined or self._eof:
            self.flow.resume_reading()
            self._resume()

    def _hand_to_uvicorn(self) -> None:
        """Let uvicorn continue with the current request."""
        self._release()
        if self._head is not None:
            super()._read(self._take_received(b""))
        elif self._pending is not None:
            submission, raw, began = self._pending
            self._pending = None
            respond = partial(self._fast_path.create_task.respond, submission)
            self._pass_to_uvicorn(raw, respond, began)

    def _pass_to_uvicorn(self, raw: bytes, app: ASGIApp, began: float) -> None:
        default_app = self.app
        self.app = partial(count_request, self._fast_path.metrics, app, began)
        self.parser.feed_data(raw)
        self.app = default_app

    def shutdown(self) -> None:
        """Let uvicorn finish the current request, with ``connection: close``."""
        self._hand_to_uvicorn()
        super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override] # as in LimitedProtocol
        """Let uvicorn end the connection."""
        self._hand_to_uvicorn()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the response. A submitted task is stored nevertheless."""
        self._hand_to_uvicorn()
        super().connection_lost(exc)

    def _close_after_response(self) -> None:
        self._hand_to_uvicorn()
        super()._close_after_response()

    def _refuse(self, refusal: Refusal) -> None:
        self._head = None
        self._received.clear()
        super()._refuse(refusal)

    def _is_reading_body(self) -> bool:
        return self._head is not None or super()._is_reading_body()
