from __future__ import annotations

from queue_testing import wait_until

from ..harness.load import under_load
from ..harness.system import System


async def test_what_was_accepted_outlives_redis_pod(system: System) -> None:
    """While Redis is away, the API responds with 503; later all accepted tasks arrive."""
    async with under_load(system.api, system.receiver.ledger(), delay=1.0) as load:
        redis = await system.release.pods("redis")
        await system.namespace.kubectl("delete", "pod", *redis, "--grace-period=1")
        await wait_until(lambda: load.refused["503"], "the API refuses", 30)
        await system.release.settled("redis")
        await load.accepts()

    await load.all_delivered()
    await load.report("Redis' pod deleted")
    await system.release.settled("api", "worker")
    assert set(load.refused) == {"503"}
