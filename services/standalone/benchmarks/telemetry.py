"""What tracing and log lines cost: microseconds of CPU a task, in the API and in the worker.

Runs the hooks of the hot paths as they are, without the requests around them. Off: no endpoint, ids
travel. Unsampled: an endpoint, and a trace that is not recorded. Sampled: with the export, to a
collector that is a process of its own.
"""

from __future__ import annotations

import http.server
import multiprocessing
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from queue_api.tasks import trace as api_trace
from queue_common.logs import events
from queue_common.logs.setup import configure_logging
from queue_common.queue import Claim
from queue_common.retry import Done
from queue_common.settings import LogSettings
from queue_common.task import Attempt, Outcome, TaskId
from queue_common.tracing.settings import TraceSettings
from queue_common.tracing.tracer import Tracing
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt import trace as worker_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

TASKS = 20_000
RUNS = 5
TASK_ID = TaskId("0199f6a0-1111-7222-8333-444455556666")
TASK = a_task("http://127.0.0.1:9000/hook?token=1")
ATTEMPT = Attempt(1, 1767225700000, 12.5, Outcome.DELIVERED, 200)
SCOPE: dict[str, Any] = {
    "type": "http", "method": "POST", "path": "/api/v1/tasks", "scheme": "http",
    "http_version": "1.1", "client": ("127.0.0.1", 40000), "server": ("127.0.0.1", 8080),
    "headers": [
        (b"host", b"127.0.0.1:8080"), (b"user-agent", b"bench"), (b"accept", b"*/*"),
        (b"content-type", b"application/json"), (b"content-length", b"100"),
    ],
}  # fmt: skip


def api_task(tracing: Tracing) -> None:
    """Do what tracing does to one POST."""
    trace = api_trace.begin_trace(tracing, SCOPE)
    trace.send.headers()
    trace.sending()
    trace.sent(TASK_ID, TASK)
    trace.responded(201)


def worker_task(tracing: Tracing, claim: Claim) -> None:
    """Do what tracing does to one attempt."""
    trace = worker_trace.begin_trace(tracing, claim)
    trace.delivering()
    trace.client.traceparent.encode()
    trace.delivered()
    trace.decided(ATTEMPT, Done())
    trace.settling()
    trace.settled()


def a_claim(flags: int) -> Claim:
    """Return a claim of a task whose trace is recorded, or not."""
    task = msgspec.structs.replace(TASK, trace_context=a_context(flags).headers())
    return Claim(
        task_id=TASK_ID, lane=TASK.lane, lease="l", attempt=1, interrupted=0,
        waiting_since_ms=TASK.accepted_at_ms, task=task, unreadable=None, last_attempt=None,
        cancel_requested=False, raw=b"", record=None, size=0,
    )  # fmt: skip


def measure(what: str, tracing: Tracing, task: Callable[[], None]) -> None:
    """Print the least of several runs, the export's thread included."""
    least = float("inf")
    for _ in range(RUNS):
        begun = time.process_time()
        for number in range(TASKS):
            task()
            if number % 400 == 0:
                drain(tracing)
        drain(tracing)
        least = min(least, (time.process_time() - begun) / TASKS)
    print(f"{what:<40} {least * 1e6:6.1f} us")  # noqa: T201 - what the command is for
    if tracing.spans_dropped:
        sys.exit(f"{tracing.spans_dropped} spans were dropped: the figures mean nothing")


def drain(tracing: Tracing) -> None:
    """Wait for the export, which at this pace would not keep up."""
    while tracing.spans_waiting:
        time.sleep(0.001)


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take one export."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sink(fields: Connection) -> None:
    """Run the collector, in a process of its own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    fields.send(server.server_port)
    server.serve_forever()


def measure_traces(endpoint: str) -> None:
    """Measure all three ways, for both processes."""
    ways = {
        "off": TraceSettings(),
        "unsampled": TraceSettings(otel_exporter_otlp_endpoint=endpoint, trace_rate_limit=0),
        "sampled": TraceSettings(
            otel_exporter_otlp_endpoint=endpoint, trace_rate_limit=1 << 40,
            otel_bsp_schedule_delay=1, otel_bsp_max_queue_size=1 << 16,
        ),
    }  # fmt: skip
    for way, settings in ways.items():
        tracing = Tracing(settings, "queue-api", "tasks")
        measure(f"API, {way}", tracing, lambda tracing=tracing: api_task(tracing))  # type: ignore[misc]
        claim = a_claim(int(way == "sampled"))
        measure(
            f"worker, an attempt, {way}", tracing,
            lambda tracing=tracing, claim=claim: worker_task(tracing, claim),  # type: ignore[misc]
        )  # fmt: skip
        tracing.shutdown()


def measure_lines() -> None:
    """Measure an attempt's log line, written to a file in the form it has in production."""
    line = {
        events.TASK_ID: TASK_ID, events.ATTEMPT: 1, events.OUTCOME: "delivered",
        events.STATUS: 200, events.DURATION_MS: 12.5, events.LANE: TASK.lane,
        events.TRACE_ID: a_context().trace_id, events.SPAN_ID: a_context().span_id,
    }  # fmt: skip
    off, terminal = Tracing(TraceSettings(), "queue-api", "tasks"), sys.stdout
    with tempfile.TemporaryFile("w") as file:
        sys.stdout = file
        configure_logging(LogSettings(env="production"))
        sys.stdout = terminal
        logger = structlog.get_logger()
        measure("a log line", off, lambda: logger.info(events.DELIVERY_ATTEMPTED, **line))


def main() -> None:
    """Print the table."""
    measure_lines()
    ours, theirs = multiprocessing.Pipe()
    collector = multiprocessing.Process(target=sink, args=(theirs,), daemon=True)
    collector.start()
    measure_traces(f"http://127.0.0.1:{ours.recv()}")
    collector.terminate()


if __name__ == "__main__":
    main()
