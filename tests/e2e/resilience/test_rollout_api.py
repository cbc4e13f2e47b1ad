from __future__ import annotations

from ..harness.load import under_load
from ..harness.system import System


async def test_a_rollout_of_the_api_refuses_no_post(system: System) -> None:
    """While all API pods are replaced each POST is accepted, and each task arrives once."""
    async with under_load(system.api, system.receiver.ledger()) as load:
        before = await system.release.pods("api")
        await system.release.rollout("api")
        after = await system.release.pods("api")
        await load.accepts()

    await load.all_delivered()
    await load.report("rollout of the API")
    assert not set(before) & set(after)
    assert not load.refused
    assert not await load.repeated()
