from __future__ import annotations

from ..harness.load import under_load
from ..harness.system import System


async def test_an_upgrade_with_changed_values_loses_nothing(system: System) -> None:
    """After an upgrade changed values are in force; no POST failed and no task was lost."""
    async with under_load(system.api, system.receiver.ledger(), delay=1.0) as load:
        before = {pod for part in ("api", "worker") for pod in await system.release.pods(part)}
        await system.release.install("queue.resultMax=50000", "api.maxBody=2KiB")
        after = {pod for part in ("api", "worker") for pod in await system.release.pods(part)}
        await load.accepts()
    try:
        large = await system.api.http.post("/api/v1/tasks", json="x" * 3000)
        await load.all_delivered()
    finally:
        await system.release.install()

    await load.report("upgrade")
    assert large.status_code == 413
    assert not before & after
    assert not load.refused
    assert not await load.repeated()
