"""Metrics of the real processes as an OTLP collector gets them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from queue_common.metrics.catalog import METRICS
from queue_common.metrics.metric import Kind, Source
from queue_testing import free_port, wait_until
from queue_testing.receiver import Receiver
from queue_testing.telemetry.metrics_collector import MetricsCollector, SeenMetric

from .conftest import NewProcess

KINDS = {Kind.COUNTER: "sum", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram"}
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "100"}


@pytest.fixture
async def collector() -> AsyncIterator[MetricsCollector]:
    async with MetricsCollector() as collector:
        yield collector


async def until_seen(
    collector: MetricsCollector, service: str, name: str, value: float, **attributes: object
) -> SeenMetric:
    def found() -> SeenMetric | None:
        seen = collector.seen.get((service, name))
        return seen if seen and seen.value(**attributes) == value else None

    seen = await wait_until(found, f"{service} sends {name} {attributes} {value}", 30)
    assert seen is not None
    return seen


async def test_a_collector_gets_all_of_the_table(
    new_process: NewProcess, receiver: Receiver, collector: MetricsCollector
) -> None:
    """Every metric comes under its OpenTelemetry name, kind, unit and attributes."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **OFTEN}
    api = new_process("api").start(**variables)
    new_process("worker").start(METRICS_PORT="0", **variables)
    await api.until("/ready", 200)
    await api.post(url=f"{receiver.url}/hook")
    await api.post(url="http://127.0.0.1:9/fails")
    await api.post(project="shop", url=f"{receiver.url}/hook")
    await until_seen(collector, "queue-worker", "queue.attempts", 2, outcome="delivered")
    await until_seen(collector, "queue-api", "queue.lane_tasks", 1, state="scheduled")
    await until_seen(collector, "queue-api", "queue.project_tasks", 0, project="shop")
    seen = {metric.name: metric for metric in collector.seen.values()}

    assert set(seen) == {metric.name for metric in METRICS}
    for metric in METRICS:
        got = seen[metric.name]
        assert (got.kind, got.unit) == (KINDS[metric.kind], metric.unit)
        for attributes, _ in got.points:
            assert set(attributes) <= set(metric.attributes)
        if metric.kind is not Kind.GAUGE:
            began = {p.start_time_unix_nano for p in getattr(got.raw, got.kind).data_points}
            assert (began == {0}) == (metric.source is Source.REDIS)
    request = collector.seen["queue-worker", "http.client.request.duration"]
    assert request.value(http__response__status_code=200, http__request__method="POST") == 2
    histogram = request.raw.histogram.data_points[0]
    assert len(histogram.bucket_counts) == len(histogram.explicit_bounds) + 1
    assert sum(histogram.bucket_counts) == histogram.count
    assert histogram.sum > 0


async def test_the_last_figures_are_sent_at_the_end(
    new_process: NewProcess, receiver: Receiver, collector: MetricsCollector
) -> None:
    """A process that stops between two sendings tells what it has counted since the first."""
    api = new_process("api").start()
    worker = new_process("worker").start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    await api.until("/ready", 200)
    await api.post(url=f"{receiver.url}/hook")
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")
    worker.signal(signal.SIGTERM)

    assert await worker.ended() == 0
    assert collector.exports == 1
    await until_seen(collector, "queue-worker", "queue.attempts", 1, outcome="delivered")


async def test_a_service_is_named_as_told(
    new_process: NewProcess, collector: MetricsCollector
) -> None:
    """OTEL_SERVICE_NAME and the metrics' own endpoint take the place of what they stand over."""
    new_process("api").start(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{collector.url}/v1/metrics",
        OTEL_SERVICE_NAME="intake",
        **OFTEN,
    )

    await until_seen(collector, "intake", "queue.redis_up", 1)


async def test_metrics_can_be_left_out(
    new_process: NewProcess, collector: MetricsCollector
) -> None:
    """With OTEL_METRICS_EXPORTER=none nothing is sent, whatever the endpoint."""
    api = new_process("api").start(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_METRICS_EXPORTER="none", **OFTEN
    )
    await api.until("/ready", 200)
    api.signal(signal.SIGTERM)

    assert await api.ended() == 0
    assert collector.exports == 0


async def test_a_collector_that_is_away_is_told_of_once(
    new_process: NewProcess, receiver: Receiver
) -> None:
    """Without the collector tasks are delivered, one warning a minute is written, no more."""
    endpoint = f"http://user:s3cret@127.0.0.1:{free_port()}"
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRIC_EXPORT_INTERVAL": "10", "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }  # fmt: skip
    api = new_process("api").start()
    worker = new_process("worker").start(**variables)
    await api.until("/ready", 200)
    await api.post(url=f"{receiver.url}/hook")
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")
    await wait_until(lambda: "metrics.not_sent" in worker.log(), "the warning is there", 30)
    worker.signal(signal.SIGTERM)

    assert await worker.ended() == 0
    assert worker.log().count("metrics.not_sent") == 1
    assert "opentelemetry" not in worker.log().replace("OTEL", "")
    assert "s3cret" not in worker.log()
    assert "OTEL_METRICS_EXPORTER=none" in worker.log()


async def test_a_collector_that_hangs_holds_nobody_up(
    new_process: NewProcess, receiver: Receiver, collector: MetricsCollector
) -> None:
    """A push without a response does not delay tasks, and a stop by a few seconds at most."""
    collector.hangs = True
    api = new_process("api").start()
    worker = new_process("worker").start(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_EXPORTER="none", **OFTEN
    )
    await api.until("/ready", 200)
    await wait_until(lambda: collector.exports > 0, "a sending hangs", 30)
    await api.post(url=f"{receiver.url}/hook")
    await worker.until_value(1, "queue_attempts_total", outcome="delivered")
    worker.signal(signal.SIGTERM)

    assert await worker.ended() == 0
