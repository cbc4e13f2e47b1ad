from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from queue_testing import wait_until

from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System

HPA = (
    "api.autoscaling.enabled=true",
    "api.autoscaling.minReplicas=1",
    "api.autoscaling.maxReplicas=3",
    # Of the 100m that the chart asks for: more than an idle API takes, less than under this load.
    "api.autoscaling.targetCPUUtilizationPercentage=25",
    "api.autoscaling.scaleDownStabilizationSeconds=0",
    "api.preStopSeconds=5",
)


@pytest_asyncio.fixture(loop_scope="session")
async def scaled(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system with an API that is scaled by its CPU; afterwards with as many pods as before."""
    if not await suite.cluster.offers("/apis/metrics.k8s.io/v1beta1"):
        pytest.skip("this cluster has no metrics-server")
    await system.release.install(*HPA)
    yield system
    await system.release.install()


async def test_api_pods_are_added_under_load_and_removed_after_it(scaled: System) -> None:
    """The HPA adds API pods under load and removes them again; no POST is refused, no task lost."""

    async def pods() -> int:
        return await scaled.release.replicas("api")

    async def one_serves() -> bool:
        return await pods() == 1

    async def more_serve() -> bool:
        return await pods() > 1

    await wait_until(one_serves, "one API pod, while idle", 120, every_seconds=1)
    ledger = scaled.receiver.ledger()
    async with under_load(scaled.api, ledger, a_second=200) as busy:
        await wait_until(more_serve, "more API pods under load", 110, every_seconds=1)
    async with under_load(scaled.api, ledger, a_second=5, delay=0.5) as calm:
        await wait_until(one_serves, "one API pod again", 110, every_seconds=1)

    for load, name in ((busy, "API scaled out"), (calm, "API scaled in")):
        await load.all_delivered()
        await load.report(name)
        assert not load.refused
        assert not await load.missing()
