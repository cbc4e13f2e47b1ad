from __future__ import annotations

from ..harness.load import under_load
from ..harness.system import System


async def test_a_rollout_of_the_workers_loses_and_repeats_nothing(system: System) -> None:
    """While all workers are replaced with requests in flight, each task arrives exactly once."""
    async with under_load(system.api, system.receiver.ledger(), delay=1.0) as load:
        before = await system.release.pods("worker")
        await system.release.rollout("worker")
        after = await system.release.pods("worker")
        await load.accepts()

    await load.all_delivered()
    await load.report("rollout of the workers")
    assert not set(before) & set(after)
    assert not load.refused
    assert not await load.repeated()
