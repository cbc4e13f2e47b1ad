from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import httpx
import pytest

from queue_testing import wait_until
from queue_testing.receiver import CannedResponse, Receiver

from .system import System

TASKS_A_SECOND = 100
SECONDS = 10


async def post_evenly(api: str, urls: list[str]) -> dict[str, float]:
    """POST a task for each URL at an even pace; return when each was sent, by its id."""
    sent: dict[str, float] = {}

    async def post(client: httpx.AsyncClient, url: str) -> None:
        at = time.monotonic()
        response = await client.post(api, json={"url": url})
        sent[response.json()["task_id"]] = at

    begin = time.monotonic()
    async with httpx.AsyncClient(timeout=30) as client, asyncio.TaskGroup() as posts:
        for i, url in enumerate(urls):
            await asyncio.sleep(max(begin + i / TASKS_A_SECOND - time.monotonic(), 0))
            posts.create_task(post(client, url))
    return sent


@pytest.mark.timeout(120)
@pytest.mark.parametrize("hanging", [1, 20])
@pytest.mark.parametrize("system", [{}], indirect=True, ids=["defaults"])
async def test_destinations_that_hang_delay_nobody_else(system: System, hanging: int) -> None:
    """If half of the destinations never respond, the tasks of the other half arrive."""
    async with AsyncExitStack() as stack:
        healthy = await stack.enter_async_context(Receiver())
        others = [await stack.enter_async_context(Receiver()) for _ in range(hanging)]
        for other in others:
            other.respond_with("/hang", [CannedResponse(hangs=True)])
        urls = []
        for i in range(TASKS_A_SECOND * SECONDS // 2):
            urls += [f"{others[i % hanging].url}/hang", f"{healthy.url}/ok"]

        sent = await post_evenly(system.tasks_url, urls)
        await wait_until(
            lambda: len(healthy.to("/ok")) == len(urls) // 2, "the healthy half arrived", 30
        )

        waits = sorted(r.at - sent[r.headers["X-Task-Id"]] for r in healthy.to("/ok"))
        p99 = waits[int(len(waits) * 0.99)] * 1000
        print(  # noqa: T201 - the figures of the run
            f"\n{hanging} hanging: {len(waits)} of {len(urls) // 2} healthy arrived,"
            f" p50 {waits[len(waits) // 2] * 1000:.1f} ms, p99 {p99:.1f} ms"
        )
        workers = len(system.workers)
        assert all(other.max_in_flight == 10 * workers for other in others if hanging == 1)
        assert all(other.max_in_flight <= 10 * workers for other in others)
