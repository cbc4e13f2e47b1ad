from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from queue_testing import wait_until

from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System

KEDA = (
    "worker.autoscaling.mode=auto",
    "worker.autoscaling.minReplicas=0",
    "worker.autoscaling.maxReplicas=3",
    "worker.autoscaling.keda.tasksPerReplica=20",
    "worker.autoscaling.keda.pollingIntervalSeconds=1",
    "worker.autoscaling.keda.cooldownSeconds=5",
    "worker.autoscaling.keda.scaleDownStabilizationSeconds=0",
)


@pytest_asyncio.fixture(loop_scope="session")
async def scaled(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system with workers that are scaled by the backlog; afterwards with as many as before."""
    if not await suite.cluster.offers("/apis/keda.sh/v1alpha1"):
        pytest.skip("this cluster has no KEDA")
    await system.release.install(*KEDA)
    yield system
    await system.release.install()


async def test_workers_come_for_a_backlog_and_go_after_it(scaled: System) -> None:
    """Without tasks no worker runs; tasks bring workers, which go again and have lost nothing."""

    async def workers() -> int:
        return await scaled.release.replicas("worker")

    async def none_works() -> bool:
        return await workers() == 0

    await wait_until(none_works, "no worker, while idle", 120, every_seconds=1)
    async with under_load(scaled.api, scaled.receiver.ledger()) as load:
        most = await wait_until(workers, "a worker came", 120, every_seconds=1)
    await load.all_delivered(120)
    await wait_until(none_works, "no worker again", 180, every_seconds=1)

    await load.report("scaled from zero and back")
    assert most > 0
    assert not load.refused
    assert not await load.repeated()
