from __future__ import annotations

from ..harness.release import Release
from ..harness.suite import Suite
from ..harness.system import System, installed

SMALL = ("api.replicas=1", "worker.replicas=1")


async def test_uninstalling_leaves_the_volume_alone(suite: Suite, system: System) -> None:
    """Of a release that is uninstalled the claim on its volume stays, and nothing else."""
    release = Release(system.namespace, "brief", system.release.values, SMALL)
    async with installed(suite, release) as api:
        task_id = await api.create(system.receiver.ledger().url())
        await api.until(task_id, state="delivered")

    left = {name for name in await system.namespace.objects() if "brief" in name}

    assert left == {"persistentvolumeclaim/data-brief-redis-0"}
