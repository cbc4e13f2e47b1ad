from __future__ import annotations

from ..harness.load import under_load
from ..harness.system import System


async def test_a_killed_workers_tasks_are_delivered_by_another(system: System) -> None:
    """After a worker's pod was deleted by force, all accepted tasks are delivered.

    The worker's attempts in flight arrive twice, because it could not settle them.
    """
    async with under_load(system.api, system.receiver.ledger(), delay=3.0) as load:
        victim = (await system.release.pods("worker"))[0]
        await system.namespace.kubectl("delete", "pod", victim, "--force", "--grace-period=0")
        await system.release.settled("worker")
        await load.accepts()

    await load.all_delivered()
    await load.report("worker killed")
    max_in_flight = 50 * 3  # what comes in while a delivery gets its response
    assert not load.refused
    assert 0 < len(await load.repeated()) <= max_in_flight
