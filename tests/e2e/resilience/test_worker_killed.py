from __future__ import annotations

from ..harness.load import under_load
from ..harness.system import System


async def test_a_killed_workers_tasks_are_delivered_by_another(system: System) -> None:
    """When a worker's pod is deleted by force, all that was accepted is delivered all the same.

    What the worker had in flight arrives twice: nobody was left to note the answers.
    """
    async with under_load(system.api, system.receiver.ledger(), delay=3.0) as load:
        victim = (await system.release.pods("worker"))[0]
        await system.namespace.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
        await system.release.settled("worker")
        await load.accepts()

    await load.all_delivered()
    await load.report("worker killed")
    max_in_flight = 50 * 3  # what comes in while a delivery is answered
    assert not load.refused
    assert 0 < len(await load.repeated()) <= max_in_flight
