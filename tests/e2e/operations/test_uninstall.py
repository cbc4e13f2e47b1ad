from __future__ import annotations

from queue_testing import wait_until

from ..harness.release import ONE_POD_EACH, Release
from ..harness.suite import Suite
from ..harness.system import System, installed


async def test_uninstalling_leaves_the_volume_alone(suite: Suite, system: System) -> None:
    """Of a release that is uninstalled the claim on its volume stays, and nothing else."""
    release = Release(system.namespace, "brief", system.release.values, ONE_POD_EACH)
    async with installed(suite, release) as api:
        task_id = await api.create(system.receiver.ledger().url())
        await api.until(task_id, state="delivered")

    async def only_the_claim() -> bool:
        left.clear()
        left.update(name for name in await system.namespace.objects() if "brief" in name)
        return left == {"persistentvolumeclaim/data-brief-redis-0"}

    left: set[str] = set()
    try:
        await wait_until(only_the_claim, "only the claim is left", 60, every_seconds=1)
    except AssertionError as error:
        error.add_note(f"left: {sorted(left)}")
        raise
