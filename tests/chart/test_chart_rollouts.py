from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm, Rendering


def checksums(rendering: Rendering) -> dict[str, Any]:
    """Each pod's annotations, without what a generated password makes of them."""
    return {
        name: {k: v for k, v in pod["metadata"].get("annotations", {}).items() if "secret" not in k}
        for name, pod in rendering.pods().items()
        if name != "test"
    }


def changed(helm: Helm, values: dict[str, Any]) -> set[str]:
    before, after = checksums(helm.render()), checksums(helm.render(values))
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("values", "components"),
    [
        ({"logLevel": "DEBUG"}, {"api", "worker"}),
        ({"worker": {"concurrency": 11}}, {"worker"}),
        ({"api": {"maxBody": "2MiB"}}, {"api"}),
        ({"redis": {"maxmemoryPercent": 60}}, {"redis"}),
        ({"egress": {"deny": [".example.com"]}}, {"api", "worker"}),
        ({"ingress": {"enabled": True}}, set()),
    ],
    ids=["common", "worker", "api", "redis", "egress", "ingress"],
)
def test_a_changed_setting_rolls_the_pods_that_read_it(
    helm: Helm, values: dict[str, Any], components: set[str]
) -> None:
    """Only the pods with a changed configuration are replaced."""
    assert changed(helm, values) == components


@pytest.mark.parametrize("component", ["api", "worker"])
def test_a_rollout_takes_no_pod_before_its_successor_is_ready(helm: Helm, component: str) -> None:
    """MaxUnavailable is 0, and readiness is asked for."""
    rendering = helm.render()
    strategy = rendering.one("Deployment", f"-{component}")["spec"]["strategy"]

    assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "readinessProbe" in rendering.container(component)


@pytest.mark.parametrize(
    ("drain", "seconds"),
    [("35s", 50), ("0s", 15), ("1m30s", 105), ("24h", 86415), ("1.5m", 105), ("500ms", 15)],
)
def test_a_worker_is_given_more_than_its_drain(helm: Helm, drain: str, seconds: int) -> None:
    """The grace period is the drain, however it is spelled, and 15 s to release what is left."""
    pod = helm.render({"worker": {"drainTimeout": drain}}).pods()["worker"]["spec"]

    assert pod["terminationGracePeriodSeconds"] == seconds


def test_an_api_pod_serves_until_nobody_sends_it_requests(helm: Helm) -> None:
    """Before SIGTERM it waits; the grace period holds that wait and the 30 s of open requests."""
    rendering = helm.render({"api": {"preStopSeconds": 7}})

    assert rendering.container("api")["lifecycle"]["preStop"] == {"sleep": {"seconds": 7}}
    assert rendering.pods()["api"]["spec"]["terminationGracePeriodSeconds"] >= 7 + 30


def test_the_wait_can_be_left_out(helm: Helm) -> None:
    """PreStopSeconds 0 means no wait: Kubernetes would refuse one of 0 s before 1.32."""
    assert "lifecycle" not in helm.render({"api": {"preStopSeconds": 0}}).container("api")


def test_probes_ask_the_process_itself(helm: Helm) -> None:
    """Liveness is the loop's (/health), readiness Redis' or the lease's (/ready)."""
    for component, port in (("api", "http"), ("worker", "metrics")):
        container = helm.render().container(component)
        names = {p["name"] for p in container["ports"]}

        assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": port}
        assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": port}
        assert port in names


@pytest.mark.parametrize("component", ["api", "worker"])
def test_a_drain_takes_one_pod_at_a_time(helm: Helm, component: str) -> None:
    """A budget lets one pod go; one that is not ready never holds up a node."""
    budget = helm.render().one("PodDisruptionBudget", f"-{component}")["spec"]
    without = helm.render({component: {"podDisruptionBudget": {"enabled": False}}})
    left = [item["metadata"]["name"] for item in without.all("PodDisruptionBudget")]

    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert not [name for name in left if name.endswith(f"-{component}")]
