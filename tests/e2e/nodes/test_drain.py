from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ..harness.cluster import Cluster
from ..harness.load import under_load
from ..harness.suite import Suite
from ..harness.system import System, install

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


@pytest_asyncio.fixture(loop_scope="session")
async def node(suite: Suite) -> AsyncIterator[str]:
    """The node to drain, with no room on it yet; another takes pods as well."""
    cluster = suite.cluster
    nodes = await _names(cluster, f"!{CONTROL_PLANE}")
    if not nodes:
        pytest.skip("one node alone cannot be drained: make a cluster with a worker")
    tainted = (*("taint", "node", "-l", CONTROL_PLANE), f"{CONTROL_PLANE}:NoSchedule")
    await cluster.kubectl(*tainted[:-1], f"{tainted[-1]}-")
    await cluster.kubectl("cordon", *nodes)
    yield nodes[0]
    await cluster.kubectl("uncordon", *nodes)
    await cluster.kubectl(*tainted, "--overwrite")


async def _names(cluster: Cluster, selector: str) -> list[str]:
    listed = await cluster.kubectl("get", "nodes", "-l", selector, "-o", "name")
    return [name.removeprefix("node/") for name in listed.split()]


@pytest_asyncio.fixture(loop_scope="session")
async def spread_system(suite: Suite, node: str) -> AsyncIterator[System]:
    """A system with API and workers on both nodes, and Redis, whose volume is local, elsewhere."""
    async with install(suite, "default") as system:
        await suite.cluster.kubectl("uncordon", node)
        for component in ("api", "worker"):
            await system.release.rollout(component)
        yield system


async def test_a_drained_node_loses_nothing(suite: Suite, spread_system: System, node: str) -> None:
    """While a node with pods of API and worker is drained, no POST fails and no task is lost."""
    system = spread_system
    on_node = await _components_on(system, node)
    async with under_load(system.api, system.receiver.ledger(), delay=1.0) as load:
        await suite.cluster.kubectl(
            *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")
        )
        await system.release.settled("api", "worker")
        await load.accepts()

    await load.all_delivered()
    await load.report("drain of a node")
    assert {"api", "worker"} <= on_node
    assert not await _components_on(system, node)
    assert not load.refused
    assert not await load.repeated()


async def _components_on(system: System, node: str) -> set[str]:
    pods = await system.namespace.pods(system.release.selector())
    return {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in pods
        if pod["spec"].get("nodeName") == node
    }
