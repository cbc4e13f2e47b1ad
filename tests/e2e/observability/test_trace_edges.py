from __future__ import annotations

from queue_testing import wait_until
from queue_testing.telemetry.seen_spans import SeenSpan, edges_of_task, missing_edges

from ..harness.jaeger import Jaeger
from ..harness.system import System


async def test_a_retried_task_is_one_trace(system: System) -> None:
    """Jaeger shows a task's POST and each of its attempts with its settlement as one trace."""
    jaeger, ledger = Jaeger(system.release), system.receiver.ledger()
    seen: list[SeenSpan] = []

    async def all_there() -> bool:
        seen[:] = await jaeger.spans(trace_id)
        return len(seen) >= 2 + 2 * 3

    task_id = await system.api.create(ledger.url(fail=1))
    await system.api.until(task_id, state="delivered", attempts=2)
    [first, second] = await ledger.arrivals()
    trace_id = str(first.traceparent).split("-")[1]
    await wait_until(all_there, "all spans arrived", 30, every_seconds=0.5)

    assert str(second.traceparent).split("-")[1] == trace_id
    assert missing_edges(seen, edges_of_task()) == []
    assert len(seen) == 2 + 2 * 3
