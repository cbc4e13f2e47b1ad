from __future__ import annotations

import asyncio

import httpx
import pytest

from ..harness.system import System

METRICS_PORT = 9090
EXPECTED = {
    "api": ("http_server_request_duration_seconds_bucket", "queue_redis_up"),
    "worker": ("messaging_process_duration_seconds_bucket", "queue_attempts_total"),
}


@pytest.mark.parametrize("component", EXPECTED)
async def test_each_part_tells_its_figures(system: System, component: str) -> None:
    """API and workers serve what Prometheus reads, with the stats of what was done."""
    task_id = await system.api.create(system.receiver.ledger().url())
    await system.api.until(task_id, state="delivered")
    pods = await system.release.pods(component)

    async def text_of(pod: str) -> str:
        url = f"/api/v1/namespaces/{system.namespace.name}/pods/{pod}:{METRICS_PORT}/proxy/metrics"
        response = await system.namespace.cluster.http.get(url)
        assert response.status_code == httpx.codes.OK, response.text
        return response.text

    texts = await asyncio.gather(*map(text_of, pods))

    for name in EXPECTED[component]:
        assert any(name in text for text in texts), name
