from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm

DASHBOARD = {"dashboard": {"enabled": True}}
EXTRAS: dict[str, Any] = {
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "extraContainers": [{"name": "sidecar", "image": "sidecar:1"}],
    "initContainers": [{"name": "first", "image": "first:1"}],
    "serviceAccount": {"annotations": {"iam": "role"}},
}


@pytest.mark.parametrize("component", ["api", "worker", "redis", "dashboard"])
def test_pods_are_extended(helm: Helm, component: str) -> None:
    """Volumes, mounts, containers and the account's annotations of the values reach the pod."""
    rendering = helm.render(DASHBOARD, {component: EXTRAS})
    pod = rendering.pods()[component]["spec"]
    container = rendering.container(component)

    assert EXTRAS["extraVolumes"][0] in pod["volumes"]
    assert EXTRAS["extraVolumeMounts"][0] in container["volumeMounts"]
    assert [c["name"] for c in pod["containers"]] == [component, "sidecar"]
    assert pod["initContainers"] == EXTRAS["initContainers"]
    account = rendering.one("ServiceAccount", f"-{component}")
    assert account["metadata"]["annotations"] == {"iam": "role"}


@pytest.mark.parametrize("component", ["api", "worker", "redis", "dashboard"])
@pytest.mark.parametrize(
    ("account", "name"),
    [({"create": False}, "default"), ({"create": False, "name": "mine"}, "mine")],
    ids=["default", "mine"],
)
def test_a_pod_runs_under_another_account(
    helm: Helm, component: str, account: dict[str, Any], name: str
) -> None:
    """Without an account of its own a component uses the one that is named, else the default."""
    rendering = helm.render(DASHBOARD, {component: {"serviceAccount": account}})

    assert rendering.pods()[component]["spec"]["serviceAccountName"] == name
    names = [item["metadata"]["name"] for item in rendering.all("ServiceAccount")]
    assert not [made for made in names if made.endswith(f"-{component}")]


@pytest.mark.parametrize("component", ["api", "worker", "dashboard"])
def test_variables_come_from_further_sources(helm: Helm, component: str) -> None:
    """EnvFrom follows the chart's own ConfigMap, so that it takes precedence."""
    source = {"secretRef": {"name": "more"}}
    container = helm.render(DASHBOARD, {component: {"envFrom": [source]}}).container(component)

    assert "configMapRef" in container["envFrom"][0]
    assert container["envFrom"][1:] == [source]


@pytest.mark.parametrize("component", ["api", "worker", "dashboard"])
def test_a_spread_replaces_the_charts_own(helm: Helm, component: str) -> None:
    """TopologySpreadConstraints of the values are the only ones."""
    rule = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    pod = helm.render(DASHBOARD, {component: {"topologySpreadConstraints": [rule]}}).pods()[
        component
    ]

    assert pod["spec"]["topologySpreadConstraints"] == [rule]


@pytest.mark.parametrize("component", ["api", "worker", "redis", "dashboard"])
def test_a_probes_timings_are_set_one_by_one(helm: Helm, component: str) -> None:
    """One timing of a probe changes, and its others stay what they were."""
    before = helm.render(DASHBOARD).container(component)["livenessProbe"]
    values = {component: {"probes": {"liveness": {"periodSeconds": 33}}}}

    assert helm.render(DASHBOARD, values).container(component)["livenessProbe"] == before | {
        "periodSeconds": 33
    }


def test_services_are_shaped(helm: Helm) -> None:
    """IP families and the traffic's distribution of the values are the Services'."""
    service = {"ipFamilyPolicy": "PreferDualStack", "trafficDistribution": "PreferClose"}
    values = {
        "api": {"service": service},
        "redis": {"service": {"ipFamilyPolicy": "SingleStack", "annotations": {"a": "b"}}},
    }
    rendering = helm.render(values)
    redis = rendering.one("Service", "-redis")

    assert service.items() <= rendering.one("Service", "-api")["spec"].items()
    assert redis["spec"]["ipFamilyPolicy"] == "SingleStack"
    assert redis["metadata"]["annotations"] == {"a": "b"}


def test_the_claim_carries_labels_and_annotations(helm: Helm) -> None:
    """What a backup tool looks for on a claim is there."""
    persistence = {"labels": {"backup": "daily"}, "annotations": {"retain": "7"}}
    stateful = helm.render({"redis": {"persistence": persistence}}).one("StatefulSet")
    (claim,) = stateful["spec"]["volumeClaimTemplates"]

    assert claim["metadata"]["labels"] == {"backup": "daily"}
    assert claim["metadata"]["annotations"] == {"retain": "7"}


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("queue-api", "mirror.example.com:5000/eu/queue-api:0.1.0"),
        ("ghcr.io/acme/queue-api", "mirror.example.com:5000/eu/acme/queue-api:0.1.0"),
        ("localhost/queue-api", "mirror.example.com:5000/eu/queue-api:0.1.0"),
    ],
)
def test_a_mirror_replaces_the_registry(helm: Helm, repository: str, image: str) -> None:
    """global.imageRegistry takes the place of an image's registry, and leaves its path."""
    mirror = {"global": {"imageRegistry": "mirror.example.com:5000/eu"}}
    rendering = helm.render(mirror, {"api": {"image": {"repository": repository}}})

    assert rendering.container("api")["image"] == image


def test_every_image_comes_from_the_mirror(helm: Helm) -> None:
    """With global.imageRegistry no image is left that comes from elsewhere."""
    values = {
        "global": {"imageRegistry": "mirror", "imagePullSecrets": [{"name": "login"}]},
        "jaeger": {"enabled": True}, "tests": {"enabled": True},
    }  # fmt: skip
    for pod in helm.render(values).pods().values():
        assert all(c["image"].startswith("mirror/") for c in pod["spec"]["containers"])
        assert pod["spec"]["imagePullSecrets"] == [{"name": "login"}]


def test_objects_are_added(helm: Helm) -> None:
    """ExtraObjects are objects as they are, or templates that know the release."""
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    two = "{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}-two'}}"
    names = [
        item["metadata"]["name"]
        for item in helm.render({"extraObjects": [one, two]}).all("ConfigMap")
    ]

    assert {"one", "demo-two"} <= set(names)
