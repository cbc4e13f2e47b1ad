"""The fast path of POSTs of tasks, below ASGI (docs/adr/0015-limits-and-the-fast-path.md)."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..metrics import counted
from ..openapi import PATH
from ..trace import begin_trace
from .head import Head, read_head

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from ..enqueue import Submission
    from ..metrics import ApiMetrics
    from ..routes.tasks import CreateTask

__all__ = ["FastPath", "FastPathProtocol"]


class FastPath:
    """What the connections of a process share."""

    def __init__(self, create_task: CreateTask, metrics: ApiMetrics) -> None:
        self.create_task = create_task
        self.metrics = metrics
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._begin = b"HTTP/1.1 201 Created\r\n"

    def answer(self, submission: Submission, default_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the answer to a task that is stored, as uvicorn would write it."""
        if default_headers is not self._default_headers:  # uvicorn makes new ones each second
            self._default_headers = default_headers
            self._begin = b"HTTP/1.1 201 Created\r\n" + _lines(default_headers)
        headers, body = self.create_task.created(submission)
        return b"%b%b\r\n%b" % (self._begin, _lines(headers), body)


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _UnderWay(NamedTuple):
    """A request on the fast path whose task is on its way to Redis."""

    submission: Submission
    raw: bytes
    """The whole request: uvicorn reads it where it takes over."""
    began: float


class FastPathProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a short way for the one request whose price counts.

    Plain ``POST /api/v1/tasks`` are read, submitted and answered here, without an asyncio task and
    without ASGI. All else is uvicorn's: other requests, every answer but 201, and a connection to
    which anything happens while a task is on its way. uvicorn then gets the request's bytes as if
    they had just come, and an application that goes on from where we are: nothing is submitted
    twice, and no rule of HTTP's connections is kept here.
    """

    def __init__(self, fast_path: FastPath, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._fast_path = fast_path
        self._in_message = False
        """uvicorn's parser has begun a request, and its end has not come."""
        self._head: Head | None = None
        """Of a request on the fast path whose body has not all come."""
        self._began = 0.0
        """When that head came, by perf_counter."""
        self._come: list[bytes] = []
        self._missing_bytes = 0
        self._under_way: _UnderWay | None = None
        self._idle_since: float | None = None
        super().__init__(*args, **named)

    def data_received(self, data: bytes) -> None:
        """Take the fast path with a plain POST of a task, uvicorn's way with all else."""
        if self.transport.is_closing():
            return
        self._idle_since = None
        if self._head is None and self._is_between_requests():
            create_task = self._fast_path.create_task
            self._head = head = read_head(data, create_task.max_bytes, create_task.allowed_hosts)
            self._missing_bytes = head.request_bytes if head else 0
            self._began = time.perf_counter()
        if self._head is not None:
            self._read_on(self._head, data)
        else:
            self._hand_over()
            super().data_received(data)

    def _read_on(self, head: Head, data: bytes) -> None:
        self._come.append(data)
        self._missing_bytes -= len(data)
        if self._missing_bytes == 0:
            self._begin(head, self._take_come())
        elif self._missing_bytes < 0:
            # More than a request: uvicorn knows to let the next one wait for its turn.
            super().data_received(self._take_come())

    def _is_between_requests(self) -> bool:
        return (
            self._under_way is None
            and not self._in_message
            and not self._is_answering()
            # A client that does not read its answers: uvicorn waits for it.
            and not self.flow.write_paused
        )

    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _take_come(self) -> bytes:
        come = b"".join(self._come)
        self._come.clear()
        self._head = None
        return come

    def _begin(self, head: Head, raw: bytes) -> None:
        began = self._began
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
            submission = create_task.submit(raw[head.head_bytes :], trace)
        except Exception as error:
            self._give_uvicorn(raw, partial(create_task.refuse, error, trace), began)
            return
        self._under_way = _UnderWay(submission, raw, began)
        submission.stored.add_done_callback(self._stored)

    def _stored(self, stored: asyncio.Future[bool]) -> None:
        under_way = self._under_way
        if under_way is None:
            return  # handed over meanwhile
        if stored.cancelled() or stored.exception() is not None:
            self._hand_over()
            return
        self._under_way = None
        submission = under_way.submission
        response = self._fast_path.answer(submission, self.server_state.default_headers)
        if not self.transport.is_closing():
            self.transport.write(response)
        self._rest()
        submission.tell()
        submission.trace.answered(HTTPStatus.CREATED)
        seconds = time.perf_counter() - under_way.began
        self._fast_path.metrics.answered("POST", PATH, HTTPStatus.CREATED, seconds)

    def _hand_over(self) -> None:
        """Let uvicorn go on with what has been begun here."""
        if self._head is not None:
            super().data_received(self._take_come())
        elif self._under_way is not None:
            submission, raw, began = self._under_way
            self._under_way = None
            answer = partial(self._fast_path.create_task.answer, submission)
            self._give_uvicorn(raw, answer, began)

    def _give_uvicorn(self, raw: bytes, app: ASGIApp, began: float) -> None:
        usual = self.app
        self.app = partial(counted, self._fast_path.metrics, app, began)
        super().data_received(raw)
        self.app = usual

    def on_message_begin(self) -> None:
        """Note that uvicorn reads a request."""
        self._in_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Note that uvicorn has read all of a request."""
        self._in_message = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """Finish what is under way; uvicorn says ``connection: close`` and closes."""
        self._hand_over()
        super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's closes at once
        """Close once the last whole request has been answered: a client may close its half first.

        Returns whether the connection stays open for that.
        """
        self._hand_over()
        super().eof_received()
        open_still = self._is_answering() and not self._in_message
        if open_still:
            self.cycle.keep_alive = False
        return open_still

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nobody is there to be answered; a task on its way is stored all the same."""
        self._hand_over()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    # A connection's timer is not armed and disarmed with each request: when it fires, it looks
    # how long nothing has come.

    def on_response_complete(self) -> None:
        """Note that uvicorn has answered, and armed the timer."""
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def _rest(self) -> None:
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self._arm(self.timeout_keep_alive)

    def _arm(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if nothing has come for the time that idle ones are kept."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # armed again when what is under way has been answered
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._arm(left)
        else:
            super().timeout_keep_alive_handler()
