"""Export to collectors that work, refuse, hang and are away: nothing waits, nothing grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from structlog.testing import capture_logs

from queue_common.tracing.context import TraceContext
from queue_common.tracing.export import SpanExport
from queue_common.tracing.settings import TraceSettings
from queue_common.tracing.spans import Spans, failed
from queue_common.tracing.tracer import Tracing
from queue_testing import free_port, wait_until
from queue_testing.network.socket_server import Peer, SocketServer
from queue_testing.tasks import a_context
from queue_testing.telemetry.collector import Collector

Open = Callable[..., SpanExport]
SECOND_NS = 1_000_000_000


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.fixture
def open_export() -> Iterator[Open]:
    """Opens exports to an endpoint, quick ones; ends those that the test left open."""
    with ExitStack() as stack:

        def open_one(endpoint: str, **options: float) -> SpanExport:
            exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=30)
            chosen = {"delay_seconds": 0.01, **options}
            export = SpanExport(exporter, **chosen)  # type: ignore[arg-type]
            stack.callback(export.shutdown, 0.0)
            return export

        yield open_one


def record(export: SpanExport, count: int = 1, context: TraceContext | None = None) -> None:
    spans = Spans(export, Resource({"service.name": "test"}), InstrumentationScope("test"))
    for _ in range(count):
        spans.record(
            "send tasks", SpanKind.PRODUCER, context or a_context(1), parent_id="00f067aa0ba902b8",
            started_ns=SECOND_NS, ended_ns=2 * SECOND_NS, attributes={"task_id": "1", "attempt": 2},
            status=failed("it broke"),
        )  # fmt: skip


def has_dropped(export: SpanExport, count: int) -> bool:
    return export.dropped == count


async def hang(peer: Peer) -> None:
    """Read everything and never respond."""
    await peer.hold()


async def test_a_span_arrives_as_it_was_recorded(open_export: Open, collector: Collector) -> None:
    """Ids, kind, times, attributes, status and tracestate reach the collector."""
    context = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "a=1,b=2")
    record(open_export(collector.url), context=context)
    (span,) = await wait_until(lambda: collector.spans, "the span arrives")

    assert (span.service, span.name, span.kind) == ("test", "send tasks", "producer")
    assert (span.trace_id, span.span_id) == (context.trace_id, context.span_id)
    assert (span.parent_id, span.tracestate) == ("00f067aa0ba902b8", "a=1,b=2")
    assert (span.started_ns, span.ended_ns) == (SECOND_NS, 2 * SECOND_NS)
    assert span.attributes == {"task_id": "1", "attempt": 2}
    assert (span.error, span.status_message) == (True, "it broke")


async def test_spans_are_sent_in_batches(open_export: Open, collector: Collector) -> None:
    """Many spans are few requests, none larger than a batch."""
    export = open_export(collector.url, max_per_batch=100, delay_seconds=60)
    record(export, 1000)
    await wait_until(lambda: len(collector.spans) == 1000, "all arrive")

    assert collector.exports == 10
    assert export.dropped == 0


async def test_what_waits_is_sent_at_the_end(open_export: Open, collector: Collector) -> None:
    """A shutdown sends what is still gathered."""
    export = open_export(collector.url, delay_seconds=60)
    record(export, 3)

    await asyncio.to_thread(export.shutdown)

    assert (len(collector.spans), export.dropped) == (3, 0)


async def test_a_collector_that_refuses_costs_the_spans_alone(
    open_export: Open, collector: Collector
) -> None:
    """Spans that the collector does not take are dropped and counted; the next ones are sent."""
    collector.status = 400
    export = open_export(collector.url)
    record(export, 5)
    await wait_until(lambda: export.dropped == 5, "they are dropped")
    collector.status = 200
    record(export, 2)
    await wait_until(lambda: len(collector.spans) == 2, "the next ones arrive")

    assert export.dropped == 5


async def test_a_collector_that_hangs_holds_nothing_up(open_export: Open) -> None:
    """While an export hangs, spans wait up to the bound, and those beyond are counted at once."""
    async with SocketServer(hang) as server:
        export = open_export(server.url.rstrip("/"), max_waiting=100, max_per_batch=10)
        record(export, 10)
        await wait_until(lambda: server.connections, "the export hangs")

        record(export, 500)

        assert (export.waiting, export.dropped) == (100, 400)

        await asyncio.to_thread(export.shutdown, 0.1)

        assert (export.waiting, export.dropped) == (0, 500)


async def test_a_shutdown_does_not_wait_for_a_collector_that_is_away(open_export: Open) -> None:
    """With nobody listening a shutdown ends while the exporter would still try for 30 s."""
    export = open_export(f"http://127.0.0.1:{free_port()}", delay_seconds=60)
    record(export, 3)

    async with asyncio.timeout(15):
        await asyncio.to_thread(export.shutdown, 0.1)


async def test_spans_after_the_end_are_counted(open_export: Open, collector: Collector) -> None:
    """A span that comes after the shutdown is dropped and counted."""
    export = open_export(collector.url)
    export.shutdown()
    record(export, 2)

    assert (export.dropped, export.waiting) == (2, 0)


async def test_a_failing_export_is_told_of_once(open_export: Open, collector: Collector) -> None:
    """Many failed batches within a minute are one warning, with the number of spans."""
    collector.status = 400
    with capture_logs() as lines:
        export = open_export(collector.url)
        for batch in range(1, 6):
            record(export, 10)
            await wait_until(partial(has_dropped, export, 10 * batch), "it is dropped")
        await asyncio.to_thread(export.shutdown)

    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["spans.dropped"]


async def test_a_failing_export_is_logged_again_after_a_while(
    open_export: Open, collector: Collector
) -> None:
    """A collector that keeps refusing is logged again, with the number of spans since."""
    collector.status = 400
    with capture_logs() as lines:
        # Only a full batch wakes the export: it never takes half of what is recorded here.
        export = open_export(collector.url, warn_seconds=0, delay_seconds=60, max_per_batch=3)
        record(export, 3)
        await wait_until(lambda: len(lines) == 1, "the first warning is logged")
        record(export, 3)
        await wait_until(lambda: len(lines) == 2, "the second warning is logged")

    assert [(line["count"], line["total"]) for line in lines] == [(3, 3), (3, 6)]


async def test_the_exporters_own_lines_are_silent(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """What the SDK would say of each batch does not reach the log."""
    collector.status = 400
    settings = TraceSettings(otel_exporter_otlp_endpoint=collector.url, otel_bsp_schedule_delay=10)
    tracing = Tracing(settings, "queue-api", "tasks")
    assert tracing.spans is not None
    tracing.spans.record(
        "x", SpanKind.INTERNAL, tracing.begin(None), parent_id="", started_ns=1, ended_ns=2,
        attributes={},
    )  # fmt: skip
    await wait_until(lambda: tracing.spans_dropped == 1, "it is dropped")
    await asyncio.to_thread(tracing.shutdown)

    assert [line for line in caplog.records if line.name.startswith("opentelemetry")] == []


async def test_the_process_says_who_it_is(collector: Collector) -> None:
    """Spans carry name, version and instance; headers for the collector are sent."""
    settings = TraceSettings.model_validate(
        {
            "otel_exporter_otlp_endpoint": collector.url,
            "otel_exporter_otlp_headers": "x-token=a%20secret",
            "otel_resource_attributes": "deployment.environment.name=test,service.name=from-there",
            "otel_bsp_schedule_delay": 10,
        }
    )
    tracing = Tracing(settings, "queue-worker", "tasks")
    assert tracing.provider is not None
    tracing.provider.get_tracer("test").start_span("x").end()
    (span,) = await wait_until(lambda: collector.spans, "the span arrives")
    await asyncio.to_thread(tracing.shutdown)

    assert span.service == "from-there"
    assert span.resource["deployment.environment.name"] == "test"
    assert {"service.version", "service.instance.id", "host.name"} <= set(span.resource)
    assert collector.headers["x-token"] == "a secret"
    assert collector.headers["content-type"] == "application/x-protobuf"


async def test_query_strings_are_cut_from_instrumentations_spans(collector: Collector) -> None:
    """A query string that OpenTelemetry's instrumentation put into a span is not exported."""
    settings = TraceSettings(otel_exporter_otlp_endpoint=collector.url, otel_bsp_schedule_delay=10)
    tracing = Tracing(settings, "queue-api", "tasks")
    assert tracing.provider is not None
    attributes = {"url.path": "/x", "url.query": "token=secret"}
    tracing.provider.get_tracer("test").start_span("GET", attributes=attributes).end()
    (span,) = await wait_until(lambda: collector.spans, "the span arrives")
    await asyncio.to_thread(tracing.shutdown)

    assert span.attributes == {"url.path": "/x"}
