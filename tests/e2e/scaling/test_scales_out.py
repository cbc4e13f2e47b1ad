from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from queue_testing import wait_until

from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System

# Of the 100m that the chart asks for: more than an idle pod takes (10m at most), less than one
# under this load. Few cores are loaded by it.
TARGET = 25
HPA = (
    "worker.autoscaling.minReplicas=1",
    "worker.autoscaling.maxReplicas=3",
    f"worker.autoscaling.hpa.targetCPUUtilizationPercentage={TARGET}",
    "worker.autoscaling.hpa.scaleDownStabilizationSeconds=0",
    "api.autoscaling.enabled=true",
    "api.autoscaling.minReplicas=1",
    "api.autoscaling.maxReplicas=3",
    f"api.autoscaling.targetCPUUtilizationPercentage={TARGET}",
    "api.autoscaling.scaleDownStabilizationSeconds=0",
)
SCALED = ("api", "worker")


@pytest_asyncio.fixture(loop_scope="session")
async def scaled(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system with API and workers scaled by their CPU; afterwards with as many as before."""
    if not await suite.cluster.offers("/apis/metrics.k8s.io/v1beta1"):
        pytest.skip("this cluster has no metrics-server")
    # The default, unless the cluster has KEDA: then that would scale the workers.
    mode = "hpa" if await suite.cluster.offers("/apis/keda.sh/v1alpha1") else "auto"
    await system.release.install(*HPA, f"worker.autoscaling.mode={mode}")
    yield system
    await system.release.install()


async def test_pods_are_added_under_load_and_removed_after_it(scaled: System) -> None:
    """API and workers are added under load and removed again; nothing is refused or lost."""

    async def ready() -> dict[str, int]:
        return {part: await scaled.release.replicas(part) for part in SCALED}

    async def one_each() -> bool:
        seen.update(await ready())
        return set(seen.values()) == {1}

    async def more_of_each() -> bool:
        for part, pods in (await ready()).items():
            most[part] = max(most[part], pods)
        return all(pods > 1 for pods in most.values())

    seen: dict[str, int] = {}
    most = dict.fromkeys(SCALED, 0)
    await wait_until(one_each, "one pod of each, while idle", 120, every_seconds=1)
    ledger = scaled.receiver.ledger()
    async with under_load(scaled.api, ledger, a_second=200) as busy:
        await wait_until(more_of_each, "more pods of each under load", 110, every_seconds=1)
    async with under_load(scaled.api, ledger, a_second=5, delay=1.0) as calm:
        await wait_until(one_each, "one pod of each again", 110, every_seconds=1)

    for load, name in ((busy, f"scaled out to {most}"), (calm, "scaled in")):
        await load.all_delivered()
        await load.report(name)
        assert not load.refused
    assert not await calm.repeated()
