from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queue_testing import RedisServer, wait_until
from queue_testing.receiver import Receiver
from queue_testing.telemetry.collector import Collector
from queue_testing.telemetry.seen_spans import edges_of_task, missing_edges

from .traced_system import TracedSystem, traced_system


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def system(
    tmp_path: Path, redis_server: RedisServer, collector: Collector
) -> AsyncIterator[TracedSystem]:
    async with traced_system(tmp_path, redis_server, collector.url) as system:
        yield system


async def test_a_retried_task_is_one_trace_with_every_edge(
    system: TracedSystem, collector: Collector, receiver: Receiver
) -> None:
    """Two failed attempts and a success are one trace from the POST to the last settlement."""
    receiver.respond_with("/flaky", [500, 503, 200])
    task = await system.post({"url": f"{receiver.url}/flaky?token=secret"})
    await system.until(task["task_id"], "delivered")
    await wait_until(lambda: len(collector.named(f"settle {system.queue}")) == 3, "three settled")
    spans = [span for span in collector.spans if span.trace_id == task["trace_id"]]

    assert missing_edges(spans, edges_of_task(system.queue)) == []
    assert len(spans) == 2 + 3 * 3


async def test_what_is_left_out_is_carried_from_attempt_to_attempt(
    system: TracedSystem, collector: Collector, receiver: Receiver
) -> None:
    """Of fourteen attempts the first ten are seen, and the last one, which stands for four."""
    receiver.respond_with("/flaky", [500] * 13 + [200])
    task = await system.post({"url": f"{receiver.url}/flaky"})
    await system.until(task["task_id"], "delivered")
    process = f"process {system.queue}"
    await wait_until(lambda: len(collector.named(process)) == 11, "the last one is seen")
    seen = [span.attributes for span in collector.named(process)]

    assert [span["attempt"] for span in seen] == [*range(1, 11), 14]
    assert [span["stands_for_attempts"] for span in seen] == [1] * 10 + [4]


async def test_a_dead_task_is_one_trace_with_every_edge(
    system: TracedSystem, collector: Collector, receiver: Receiver
) -> None:
    """A task that is given up has all edges too, and its last spans say that it is dead."""
    receiver.respond_with("/broken", [500])
    task = await system.post({"url": f"http://{system.variables['REDIS_ADDR']}/"})
    await system.until(task["task_id"], "dead")
    (settled,) = await wait_until(lambda: collector.named(f"settle {system.queue}"), "it settled")

    def complete() -> bool:
        # API and worker export at times of their own.
        spans = [span for span in collector.spans if span.trace_id == task["trace_id"]]
        return missing_edges(spans, edges_of_task(system.queue)) == []

    await wait_until(complete, "the trace has every edge")
    assert settled.attributes["state"] == "dead"
