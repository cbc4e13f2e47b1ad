from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .helm import Helm, Rendering

Object = dict[str, Any]


def containers(rendering: Rendering) -> Iterator[tuple[str, Object, Object]]:
    for component, pod in rendering.pods().items():
        for container in pod["spec"]["containers"]:
            yield component, pod["spec"], container


def test_every_pod_passes_pod_security_restricted(case: Rendering) -> None:
    """No pod needs more than the profile `restricted` grants; none is root."""
    for component, pod, container in containers(case):
        security = container["securityContext"]

        assert pod["securityContext"]["runAsNonRoot"] is True, component
        assert pod["securityContext"]["runAsUser"] > 0, component
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, component
        assert security["allowPrivilegeEscalation"] is False, component
        assert security["capabilities"] == {"drop": ["ALL"]}, component
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), component


def test_nothing_writes_but_where_it_is_given_a_place(case: Rendering) -> None:
    """The root file system is read-only; what is written goes to volumes, none of the node's."""
    for component, pod, container in containers(case):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, component
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), component


def test_no_lasting_pod_speaks_with_the_api_server(case: Rendering) -> None:
    """Each component has its own ServiceAccount, and no token of it."""
    accounts = {item["metadata"]["name"]: item for item in case.all("ServiceAccount")}
    for component, pod in case.pods().items():
        spec = pod["spec"]
        if component == "secrets":  # the Job that fills Secrets
            continue
        assert spec["automountServiceAccountToken"] is False, component
        assert spec["enableServiceLinks"] is False, component
        assert accounts[spec["serviceAccountName"]]["automountServiceAccountToken"] is False

    own = [pod["spec"]["serviceAccountName"] for name, pod in case.pods().items() if name != "test"]
    assert len(set(own)) == len(own)


def test_resources_are_set(case: Rendering) -> None:
    """Each container asks for CPU and memory and has an end to its memory."""
    for component, _, container in containers(case):
        resources = container["resources"]

        assert set(resources["requests"]) >= {"cpu", "memory"}, component
        assert "memory" in resources["limits"], component


def test_images_are_named_by_an_explicit_tag(case: Rendering) -> None:
    """No image is `latest`, and none goes without a tag or digest."""
    for component, _, container in containers(case):
        image = container["image"].rsplit("/", 1)[-1]

        assert "@sha256:" in image or ":" in image, component
        assert not image.endswith(":latest"), component


def test_api_and_worker_spread_over_nodes_and_zones(helm: Helm) -> None:
    """Pods of one component stay apart where that can be had, and start anyway where it cannot."""
    for component in ("api", "worker"):
        spread = helm.render().pods()[component]["spec"]["topologySpreadConstraints"]

        assert {rule["whenUnsatisfiable"] for rule in spread} == {"ScheduleAnyway"}
        assert [rule["topologyKey"] for rule in spread] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]


@pytest.mark.parametrize("component", ["api", "worker", "redis"])
def test_pods_take_what_their_values_ask(helm: Helm, component: str) -> None:
    """Scheduling, labels and annotations of the values reach the pods of that component."""
    values = {
        component: {
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
            "podLabels": {"team": "t"},
            "podAnnotations": {"note": "n"},
        }
    }
    pod = helm.render(values).pods()[component]

    assert pod["spec"]["nodeSelector"] == {"disk": "fast"}
    assert pod["spec"]["tolerations"] == [{"key": "k", "operator": "Exists"}]
    assert pod["spec"]["affinity"] == {"nodeAffinity": {}}
    assert pod["spec"]["priorityClassName"] == "high"
    assert pod["metadata"]["labels"]["team"] == "t"
    assert pod["metadata"]["annotations"]["note"] == "n"


def test_registry_secrets_reach_every_pod(helm: Helm) -> None:
    """ImagePullSecrets are those of all pods; Redis, a chart of its own, has its own."""
    on = {"enabled": True}
    secrets = {"imagePullSecrets": [{"name": "registry"}]}
    rendering = helm.render(secrets, {"redis": secrets, "jaeger": on, "dashboard": on})

    for pod in rendering.pods().values():
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_development_images_may_write(helm: Helm) -> None:
    """readOnlyRootFilesystem=false is for api and worker alone: `skaffold dev` changes them."""
    rendering = helm.render({"readOnlyRootFilesystem": False})
    writable = {
        component
        for component, _, container in containers(rendering)
        if not container["securityContext"]["readOnlyRootFilesystem"]
    }

    assert writable == {"api", "worker"}
