from __future__ import annotations

import asyncio
import json

from ..harness.system import System


async def test_events_come_through_the_ingress(system: System) -> None:
    """Who watches `GET /api/v1/events` is told of a delivery while the stream is open."""

    async def delivered_ids() -> None:
        async with system.api.http.stream("GET", "/api/v1/events", timeout=60) as response:
            assert response.status_code == 200, await response.aread()
            watched.set()
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    if event["type"] == "task.delivered" and event["task_id"] in sent:
                        return

    watched, sent = asyncio.Event(), set[str]()
    watching = asyncio.create_task(delivered_ids())
    async with asyncio.timeout(60):
        await watched.wait()
        while not watching.done():
            sent.add(await system.api.create(system.receiver.ledger().url()))
            await asyncio.wait([watching], timeout=1)
        await watching
