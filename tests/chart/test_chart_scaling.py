from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm

KEDA = ("v1/Secret", "keda.sh/v1alpha1/ScaledObject")
NO_KEDA = ("v1/Secret",)


def scaling(mode: str, **more: int) -> dict[str, Any]:
    return {"worker": {"autoscaling": {"mode": mode, **more}}}


@pytest.mark.parametrize(
    ("apis", "scaler"),
    [(KEDA, "ScaledObject"), (NO_KEDA, "HorizontalPodAutoscaler"), ((), "HorizontalPodAutoscaler")],
    ids=["keda", "no-keda", "no-cluster"],
)
def test_workers_scale_by_what_the_cluster_has(
    helm: Helm, apis: tuple[str, ...], scaler: str
) -> None:
    """By default workers scale on the backlog if there is KEDA, otherwise on CPU, from two pods."""
    kinds = {"ScaledObject", "HorizontalPodAutoscaler"}
    made = [item for item in helm.render(apis=apis).objects if item["kind"] in kinds]

    assert [item["kind"] for item in made] == [scaler]
    spec = made[0]["spec"]
    assert spec.get("minReplicas", spec.get("minReplicaCount")) == 2


def test_auto_without_keda_refuses_to_scale_to_zero(helm: Helm) -> None:
    """A HorizontalPodAutoscaler cannot start at zero: the refusal names what can."""
    refusal = helm.refusal(scaling("auto", minReplicas=0), apis=NO_KEDA)

    assert "needs KEDA" in refusal
    assert helm.render(scaling("auto", minReplicas=0), apis=KEDA).all("ScaledObject")


def test_the_api_scales_if_asked(helm: Helm) -> None:
    """api.autoscaling makes a HorizontalPodAutoscaler on the API's CPU, which owns the count."""
    values = {"api": {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 6}}}
    rendering = helm.render(values)
    scaler = rendering.one("HorizontalPodAutoscaler", "-api")

    assert scaler["spec"]["scaleTargetRef"]["name"] == "demo-queue-system-api"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 6)
    assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert "replicas" not in rendering.one("Deployment", "-api")["spec"]
    assert helm.render().one("Deployment", "-api")["spec"]["replicas"] == 2


def test_without_scaling_the_count_is_the_values(helm: Helm) -> None:
    """worker.replicas counts where nothing scales."""
    rendering = helm.render({"worker": {"replicas": 3}}, scaling("none"))

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
    (metric,) = spec["metrics"]
    assert metric["containerResource"]["container"] == "worker"
    assert metric["containerResource"]["target"]["averageUtilization"] == 70


def test_keda_can_take_over_later(helm: Helm) -> None:
    """KEDA's webhook lets a ScaledObject pass beside the HorizontalPodAutoscaler that goes.

    Helm creates new objects before it deletes old ones. The two never have the same name: the one
    that KEDA makes is deleted with the ScaledObject, when an upgrade goes back.
    """
    scaler = helm.render(scaling("hpa")).one("HorizontalPodAutoscaler", "-worker")
    scaled = helm.render(scaling("keda")).one("ScaledObject")

    assert scaler["metadata"]["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
    assert "name" not in scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert len(f"keda-hpa-{'x' * 47}-worker") <= 63


@pytest.mark.parametrize("cpu", ["requests", "limits"])
def test_a_percentage_needs_a_request(helm: Helm, cpu: str) -> None:
    """Without a CPU request, or a limit that stands for it, scaling on CPU is refused."""
    without = {"resources": {"requests": None}}
    values = {
        "worker": without, "api": {**without, "autoscaling": {"enabled": True}},
    }  # fmt: skip
    refusal = helm.refusal(values, scaling("hpa"))
    more = {"resources": {cpu: {"cpu": "1"}}}

    assert "worker.resources.requests.cpu is needed" in refusal
    assert "api.resources.requests.cpu is needed" in refusal
    assert not helm.render({"worker": without}, scaling("none")).all("HorizontalPodAutoscaler")
    assert helm.render({"worker": without}, {"worker": more}, scaling("hpa")).all("Deployment")


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
