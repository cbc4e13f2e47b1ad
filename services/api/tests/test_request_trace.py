"""The spans of a POST, and the trace that it continues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from queue_api.app import create_app
from queue_api.app_context import AppContext
from queue_api.settings import ApiSettings
from queue_api.tasks.routes import CreateTask
from queue_common.queue import TaskQueue
from queue_common.retry import Dead
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Outcome, TaskId
from queue_common.tracing.tracer import Tracing
from queue_testing import free_port
from queue_testing.tasks import an_attempt
from queue_testing.telemetry.collector import Collector
from queue_testing.telemetry.seen_spans import SeenSpan

TASKS = "/api/v1/tasks"
TASK = {"url": "http://localhost:9/x?token=s3cret", "headers": {"Authorization": "s3cret"}}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
Headers = list[tuple[str, str]]


class TracedApi:
    """An API whose spans go to a collector; told when all of them are there."""

    def __init__(self, collector: Collector, redis: RedisSettings, queue: QueueSettings) -> None:
        self._collector = collector
        self.redis = redis
        self._queue = queue
        self.settings = ApiSettings(
            egress_allow="localhost", otel_exporter_otlp_endpoint=collector.url
        )

    async def request(
        self, method: str, path: str, headers: Headers | None = None, json: object = None
    ) -> tuple[httpx.Response, list[SeenSpan]]:
        """Make a request; return its response and the spans of all processes so far."""
        async with self.running() as client:
            response = await client.request(method, path, headers=headers, json=json)
        return response, self.spans()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """Run the API; at its end all spans are there."""
        tracing = Tracing(self.settings, "queue-api", "tasks")
        context = AppContext.of(self.settings, TaskQueue(self.redis, self._queue), tracing)
        app = create_app(context, CreateTask(context))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://api.test:81") as client,
        ):
            yield client
        await asyncio.to_thread(tracing.shutdown)

    def spans(self) -> list[SeenSpan]:
        """Return all spans, the earliest first."""
        return sorted(self._collector.spans, key=lambda span: span.started_ns)

    async def give_up(self, task_id: str) -> None:
        """Let a task, the only one that waits, die."""
        queue = TaskQueue(self.redis, self._queue)
        await queue.start_consuming(worker_id="w", concurrency=1)
        (claim,) = await queue.claim(1)
        assert claim.task_id == task_id
        await queue.settle(claim, an_attempt(Outcome.HTTP_ERROR), Dead("enough"))
        await queue.disconnect()

    async def stored_context(self, task_id: str) -> dict[str, str] | None:
        """Return what travels with a task."""
        queue = TaskQueue(self.redis, self._queue)
        task = (await queue.get_task(TaskId(task_id))).task
        await queue.disconnect()
        return task.trace_context if task else None


@pytest.fixture
async def traced(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> AsyncIterator[TracedApi]:
    async with Collector() as collector:
        yield TracedApi(collector, redis_settings, queue_settings)


async def test_a_task_without_a_client_context_begins_a_trace(traced: TracedApi) -> None:
    """The POST is the first span of a trace of its own; the send span's context travels."""
    response, (server, send) = await traced.request("POST", TASKS, json=TASK)
    task_id = response.json()["task_id"]

    assert (server.name, server.kind, server.parent_id) == (f"POST {TASKS}", "server", "")
    assert (send.name, send.kind, send.parent_id) == ("send tasks", "producer", server.span_id)
    assert response.json()["trace_id"] == server.trace_id == send.trace_id
    assert await traced.stored_context(task_id) == {
        "traceparent": f"00-{send.trace_id}-{send.span_id}-01"
    }


async def test_a_clients_trace_goes_on(traced: TracedApi) -> None:
    """A client's context is the server span's parent; tracestate and baggage travel on."""
    headers = [("traceparent", f"00-{TRACE}-{SPAN}-01"), ("tracestate", "a=1"),
               ("tracestate", "b=2"), ("baggage", "user=7")]  # fmt: skip
    response, (server, send) = await traced.request("POST", TASKS, headers, json=TASK)

    assert (server.trace_id, server.parent_id) == (TRACE, SPAN)
    assert server.tracestate == send.tracestate == "a=1,b=2"
    assert await traced.stored_context(response.json()["task_id"]) == {
        "traceparent": f"00-{TRACE}-{send.span_id}-01", "tracestate": "a=1,b=2",
        "baggage": "user=7",
    }  # fmt: skip


async def test_a_client_that_does_not_record_is_followed(traced: TracedApi) -> None:
    """With flags 00 from the client nothing is exported, and the ids travel on."""
    headers = [("traceparent", f"00-{TRACE}-{SPAN}-00")]
    response, spans = await traced.request("POST", TASKS, headers, json=TASK)
    context = await traced.stored_context(response.json()["task_id"])

    assert spans == []
    assert response.json()["trace_id"] == TRACE
    assert context is not None
    assert context["traceparent"].startswith(f"00-{TRACE}-")
    assert context["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "00-nonsense-01")],
        [("traceparent", f"00-{TRACE}-{SPAN}-01"), ("traceparent", f"00-{TRACE}-{SPAN}-01")],
        [("tracestate", "a=1")],
    ],
    ids=["invalid", "two", "no traceparent"],
)
async def test_an_invalid_context_is_ignored(traced: TracedApi, headers: Headers) -> None:
    """A request whose context breaks the rules is served, in a trace of its own."""
    response, (server, _) = await traced.request("POST", TASKS, headers, json=TASK)

    assert (response.status_code, server.parent_id, server.tracestate) == (201, "", "")
    assert server.trace_id != TRACE


async def test_spans_follow_the_conventions(traced: TracedApi) -> None:
    """HTTP and messaging attributes have their standard names and values."""
    headers = [("user-agent", "client/1")]
    response, (server, send) = await traced.request("POST", f"{TASKS}?a=s3", headers, json=TASK)

    assert server.attributes == {
        "http.request.method": "POST", "http.route": TASKS, "url.path": TASKS,
        "url.scheme": "http", "network.protocol.version": "1.1", "server.address": "api.test",
        "server.port": 81, "client.address": "127.0.0.1", "user_agent.original": "client/1",
        "http.response.status_code": 201,
    }  # fmt: skip
    assert send.attributes == {
        "messaging.system": "saq", "messaging.destination.name": "tasks",
        "messaging.message.id": response.json()["task_id"], "messaging.operation.name": "send",
        "messaging.operation.type": "send", "task_id": response.json()["task_id"],
        "lane": "localhost:9",
    }  # fmt: skip


async def test_a_clients_mistake_is_no_error_of_ours(traced: TracedApi) -> None:
    """A task that is refused is a server span without a send span, and not an error."""
    response, (server,) = await traced.request("POST", TASKS, json={"url": "nowhere"})

    assert response.status_code == server.attributes["http.response.status_code"] == 422
    assert not server.error
    assert "error.type" not in server.attributes


async def test_redis_away_is_an_error_in_both_spans(traced: TracedApi) -> None:
    """A task that Redis does not take fails its send span and its server span, with the type."""
    traced.redis = RedisSettings(redis_addr=f"127.0.0.1:{free_port()}")
    response, (server, send) = await traced.request("POST", TASKS, json=TASK)

    assert response.status_code == 503
    assert (server.error, send.error) == (True, True)
    assert server.attributes["error.type"] == "QueueUnavailableError"
    assert send.attributes["error.type"] == "QueueUnavailableError"


async def test_no_secret_is_in_a_span(traced: TracedApi) -> None:
    """Bodies, header values and query strings are in no span, of the POST or of a GET."""
    response, _ = await traced.request("POST", f"{TASKS}?key=s3cret", json=TASK)
    secret = [("authorization", "s3cret"), ("cookie", "s3cret")]
    location = f"{response.headers['location']}?key=s3cret"
    _, spans = await traced.request("GET", location, secret)

    assert len(spans) == 3
    assert "s3cret" not in repr(spans)


async def test_a_look_up_is_a_span_of_its_route(traced: TracedApi) -> None:
    """FastAPI's routes make spans by the stable conventions, named after the route."""
    headers = [("traceparent", f"00-{TRACE}-{SPAN}-01")]
    _, (span,) = await traced.request("GET", f"{TASKS}/{TRACE}", headers)

    assert (span.name, span.kind) == (f"GET {TASKS}/{{task_id}}", "server")
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["http.request.method"] == "GET"


@pytest.mark.parametrize("path", ["/health", "/ready", "/version"])
async def test_probes_make_no_spans(traced: TracedApi, path: str) -> None:
    """What is asked every few seconds leaves no trace."""
    response, spans = await traced.request("GET", path)

    assert (response.status_code, spans) == (200, [])


async def test_a_traces_url_is_told_where_it_is_known(traced: TracedApi) -> None:
    """With TRACE_URL_TEMPLATE both responses have the trace's URL."""
    traced.settings = ApiSettings(
        egress_allow="localhost", trace_url_template="http://jaeger.test/trace/{trace_id}"
    )
    created, _ = await traced.request("POST", TASKS, json=TASK)
    found, _ = await traced.request("GET", created.headers["location"])
    trace_id = created.json()["trace_id"]

    assert created.json()["trace_url"] == f"http://jaeger.test/trace/{trace_id}"
    assert found.json()["trace_id"] == trace_id
    assert found.json()["trace_url"] == created.json()["trace_url"]


async def test_each_task_of_a_batch_begins_a_trace(traced: TracedApi) -> None:
    """Of a batch each task has a send span of its own trace, linked to the request's span."""
    headers = [("traceparent", f"00-{TRACE}-{SPAN}-01")]
    response, spans = await traced.request("POST", f"{TASKS}/batch", headers, json=[TASK] * 3)

    (server,) = [span for span in spans if span.kind == "server"]
    sends = [span for span in spans if span.name.startswith("send")]
    answers = {answer["task_id"]: answer["trace_id"] for answer in response.json()}
    assert server.trace_id == TRACE
    assert {
        str(span.attributes["messaging.message.id"]): span.trace_id for span in sends
    } == answers
    assert len(set(answers.values())) == 3
    assert [span.links for span in sends] == [((TRACE, server.span_id),)] * 3
    assert (await traced.stored_context(sorted(answers)[0])) is not None
