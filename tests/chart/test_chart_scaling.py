from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm


def scaling(mode: str, **more: int) -> dict[str, Any]:
    return {"worker": {"autoscaling": {"mode": mode, **more}}}


def test_without_scaling_the_count_is_the_values(helm: Helm) -> None:
    """worker.replicas counts where nothing scales."""
    rendering = helm.render({"worker": {"replicas": 3}})

    assert rendering.one("Deployment", "-worker")["spec"]["replicas"] == 3
    assert not rendering.all("HorizontalPodAutoscaler")
    assert not rendering.all("ScaledObject")


@pytest.mark.parametrize("mode", ["hpa", "keda"])
def test_an_upgrade_leaves_the_count_to_the_scaler(helm: Helm, mode: str) -> None:
    """A Deployment that is scaled names no count: an upgrade would set it back."""
    assert "replicas" not in helm.render(scaling(mode)).one("Deployment", "-worker")["spec"]


def test_hpa_looks_at_the_workers_cpu(helm: Helm) -> None:
    """The HorizontalPodAutoscaler scales the worker between its bounds by CPU."""
    spec = helm.render(scaling("hpa", minReplicas=2, maxReplicas=5)).one("HorizontalPodAutoscaler")[
        "spec"
    ]

    assert spec["scaleTargetRef"]["name"] == "demo-queue-system-worker"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 70


def test_keda_asks_the_api_for_the_backlog(helm: Helm) -> None:
    """The ScaledObject reads `backlog` from the api's metrics Service, from zero pods on."""
    rendering = helm.render(scaling("keda", minReplicas=0, maxReplicas=7))
    spec = rendering.one("ScaledObject")["spec"]
    service = rendering.one("Service", "-api-metrics")
    (trigger,) = spec["triggers"]

    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 7)
    assert spec["scaleTargetRef"] == {"name": "demo-queue-system-worker"}
    name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    assert trigger["metadata"]["url"] == f"http://{name}.space.svc:{port}/backlog"
    assert trigger["metadata"]["valueLocation"] == "backlog"
    assert trigger["metadata"]["targetValue"] == "100"
