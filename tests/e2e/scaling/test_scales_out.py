from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from queue_testing import wait_until

from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System

HPA = (
    "worker.autoscaling.mode=auto",
    "worker.autoscaling.minReplicas=1",
    "worker.autoscaling.maxReplicas=3",
    # Of the 100m that the chart asks for: more than a worker takes that idles (10m at most), less
    # than one that delivers what comes here. Few cores are loaded by it.
    "worker.autoscaling.hpa.targetCPUUtilizationPercentage=25",
    "worker.autoscaling.hpa.scaleDownStabilizationSeconds=0",
)


@pytest_asyncio.fixture(loop_scope="session")
async def scaled(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system with workers that are scaled by their CPU; afterwards with as many as before."""
    if not await suite.cluster.offers("/apis/metrics.k8s.io/v1beta1"):
        pytest.skip("this cluster has no metrics-server")
    await system.release.install(*HPA)
    yield system
    await system.release.install()


async def test_workers_are_added_under_load_and_taken_away_after_it(scaled: System) -> None:
    """The HPA adds workers under load and takes them away again, and no task is lost."""

    async def workers() -> int:
        return await scaled.release.replicas("worker")

    async def one_works() -> bool:
        return await workers() == 1

    async def more_work() -> bool:
        return await workers() > 1

    await wait_until(one_works, "one worker, while idle", 120, every_seconds=1)
    ledger = scaled.receiver.ledger()
    async with under_load(scaled.api, ledger, a_second=150) as busy:
        await wait_until(more_work, "more workers under load", 120, every_seconds=1)
    async with under_load(scaled.api, ledger, a_second=2, delay=1.0) as calm:
        await wait_until(one_works, "one worker again", 120, every_seconds=1)

    for load, name in ((busy, "scaled out"), (calm, "scaled in")):
        await load.all_delivered()
        await load.report(name)
        assert not load.refused
    assert not await calm.repeated()
