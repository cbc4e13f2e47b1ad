"""A connection of the API driven by hand, over a queue that replies at the call of the test."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.server import ServerState

from queue_api.app_context import AppContext
from queue_api.auth import Authenticator
from queue_api.auth.guard import AuthGuard
from queue_api.http.counting import MetricsMiddleware
from queue_api.http.fast_path import FastPath, FastPathProtocol
from queue_api.http.origin import AllowedHosts, OriginGuard
from queue_api.metrics import ApiMetrics
from queue_api.settings import ApiSettings
from queue_api.tasks.routes import CreateTask
from queue_common.queue.storage.keys import Keys
from queue_common.sealing import Sealer
from queue_common.tracing.tracer import Tracing
from queue_testing import wait_until

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from queue_api.keys.store import KeyStore
    from queue_common.queue import TaskQueue
    from queue_common.task import Task, TaskId

__all__ = ["BODY", "REQUEST", "Connection", "request"]

BODY = b'{"url":"http://localhost:9/x","headers":{"X-Id":"1"},"body":{"a":1}}'


def request(*headers: bytes, body: bytes = BODY) -> bytes:
    """Return a request for a task with these headers more."""
    lines = [b"Host: api", b"Content-Length: %d" % len(body), *headers]
    if not any(header.startswith(b"Content-Type:") for header in headers):
        lines.insert(1, b"Content-Type: application/json")
    return b"POST /api/v1/tasks HTTP/1.1\r\n%b\r\n\r\n%b" % (b"\r\n".join(lines), body)


REQUEST = request()


class HeldQueue:
    """Accepts tasks, and withholds the reply."""

    def __init__(self) -> None:
        self.keys = Keys("tasks")
        self.sealer = Sealer({})
        self.ids: list[TaskId] = []
        """Of the tasks that were submitted."""
        self._open: list[asyncio.Future[bool]] = []

    def submission(self, task_id: TaskId, _task: Task) -> asyncio.Future[bool]:
        self.ids.append(task_id)
        self._open.append(asyncio.get_running_loop().create_future())
        return self._open[-1]

    def reply(self, error: Exception | None = None) -> None:
        """Reply to the open submissions."""
        for future in self._open:
            if error is None:
                future.set_result(True)
            else:
                future.set_exception(error)
        self._open.clear()


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._closing = False

    def get_extra_info(self, _name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._closing
        self.written += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Says that nothing more is written."""

    def abort(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        """Reads nothing by itself."""

    def resume_reading(self) -> None:
        """Reads nothing by itself."""


class _Routes:
    """POSTs of tasks to their endpoint, all else to the teapot."""

    def __init__(self, create_task: CreateTask) -> None:
        self._create_task = create_task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_task = (scope["method"], scope["path"]) == ("POST", "/api/v1/tasks")
        await (self._create_task if is_task else teapot)(scope, receive, send)


class _OnlyUvicorn(FastPathProtocol):
    """The protocol without the fast path."""

    def _is_between_requests(self) -> bool:
        return False


class Connection:
    """One connection; what comes of it is said by calling ``protocol``."""

    def __init__(
        self, app: ASGIApp | None = None, *, keep_alive_seconds: int = 75, fast_path: bool = True
    ) -> None:
        settings = ApiSettings(api_allowed_hosts="api,x", egress_allow="localhost")
        allowed = AllowedHosts(settings.allowed_hosts())
        authenticator = Authenticator(settings)
        self.queue = HeldQueue()
        self.metrics = ApiMetrics("tasks")
        create_task = CreateTask(
            AppContext.of(
                settings, cast("TaskQueue", self.queue), Tracing(settings, "queue-api", "tasks")
            )
        )
        self.server = ServerState()
        guarded = OriginGuard(
            AuthGuard(_Routes(create_task), authenticator, cast("KeyStore", None)), allowed
        )
        config = uvicorn.Config(
            app or MetricsMiddleware(guarded, self.metrics), log_config=None,
            timeout_keep_alive=keep_alive_seconds,
        )  # fmt: skip
        kind = FastPathProtocol if fast_path else _OnlyUvicorn
        self.protocol = kind(
            FastPath(create_task, self.metrics, settings.http_limits()), config, self.server, {}
        )
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    @property
    def statuses(self) -> list[int]:
        """The status codes of the responses."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.wire.written)]

    @property
    def ids(self) -> list[str]:
        """The task ids of the responses."""
        return re.findall(r"tasks/([0-9a-f-]{36})", self.wire.written.decode())

    async def until_submitted(self, tasks: int) -> None:
        """Wait until so many tasks were submitted in all."""
        await wait_until(lambda: len(self.queue.ids) == tasks, "the tasks are submitted")

    async def until_answered(self, requests: int) -> None:
        """Wait until so many requests got their responses in all."""
        await wait_until(lambda: len(self.statuses) == requests, "the requests are answered")

    async def until_closed(self) -> None:
        """Wait until the API has closed the connection."""
        await wait_until(self.wire.is_closing, "the connection is closed")

    def counted(self, status: int) -> float:
        """Return how many requests for tasks were counted with this status."""
        labels = {
            "http_request_method": "POST", "http_route": "/api/v1/tasks",
            "http_response_status_code": str(status),
        }  # fmt: skip
        name = "http_server_request_duration_seconds_count"
        return self.metrics.registry.get_sample_value(name, labels) or 0


async def teapot(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Respond with 418 without reading the body, which the fast path never does."""
    await send(
        {"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body"})
