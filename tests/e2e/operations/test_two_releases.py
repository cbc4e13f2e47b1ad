from __future__ import annotations

import asyncio

from ..harness.system import System


async def test_two_releases_of_one_namespace_share_nothing(
    system: System, neighbour: System
) -> None:
    """Each of two releases in a namespace delivers its own tasks and knows none of the other's."""
    ledger = system.receiver.ledger()

    tasks = [await each.api.create(ledger.url()) for each in (system, neighbour)]
    await asyncio.gather(
        system.api.until(tasks[0], state="delivered"),
        neighbour.api.until(tasks[1], state="delivered"),
    )
    responses = [
        await system.api.http.get(f"/api/v1/tasks/{tasks[1]}"),
        await neighbour.api.http.get(f"/api/v1/tasks/{tasks[0]}"),
    ]

    assert [response.status_code for response in responses] == [404, 404]
    assert await ledger.counts() == dict.fromkeys(tasks, 1)
