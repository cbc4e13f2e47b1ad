"""Rendered without the cluster, as `helm template` and Argo CD do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from .helm import CHART, CLUSTER, Helm, Rendering

EXAMPLES = sorted((CHART / "examples").rglob("*.yaml"))


def wanted(rendering: Rendering) -> list[dict[str, str]]:
    """What the Job generates."""
    env = {e["name"]: e["value"] for e in rendering.container("secrets")["env"]}
    return list(json.loads(env["SECRETS"]))


@pytest.mark.parametrize("apis", [(), CLUSTER], ids=["template", "argo-cd"])
def test_two_renderings_are_the_same(helm: Helm, apis: tuple[str, ...]) -> None:
    """Default values are rendered without a cluster, and a later sync changes nothing."""
    first, second = (helm.template({}, "demo", apis) for _ in range(2))

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


def test_a_job_generates_what_no_rendering_may(helm: Helm) -> None:
    """Secrets come empty, and a Job in the cluster fills each key that is missing."""
    rendering = helm.render(apis=())
    secrets = {s["metadata"]["name"]: s for s in rendering.all("Secret")}

    assert {"secret": "demo-redis", "key": "password", "kind": "password"} in wanted(rendering)
    assert {each["secret"] for each in wanted(rendering)} == set(secrets)
    assert not [name for name, secret in secrets.items() if secret.get("data")]


def test_the_job_may_touch_these_secrets_alone(helm: Helm) -> None:
    """Its Role names the Secrets, and allows to read and to change them, not to make others."""
    rendering = helm.render(apis=())
    (rule,) = rendering.one("Role")["rules"]
    (subject,) = rendering.one("RoleBinding")["subjects"]

    assert rule["resources"] == ["secrets"]
    assert set(rule["resourceNames"]) == {each["secret"] for each in wanted(rendering)}
    assert rule["verbs"] == ["get", "patch"]
    assert subject["name"] == rendering.pods()["secrets"]["spec"]["serviceAccountName"]


def test_the_job_reaches_the_api_server_in_a_closed_namespace(helm: Helm) -> None:
    """A policy of its own lets it out by TCP and nobody in; without a Job there is none."""
    rendering = helm.render(apis=())
    spec = rendering.one("NetworkPolicy", "-secrets")["spec"]
    labels = rendering.pods()["secrets"]["metadata"]["labels"]
    own = {"redis": {"auth": {"existingSecret": "a"}}, "auth": {"existingSecret": "b"}}

    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == [{"ports": [{"protocol": "TCP"}]}]
    assert "ingress" not in spec
    names = [p["metadata"]["name"] for p in helm.render(own, apis=()).all("NetworkPolicy")]
    assert not [name for name in names if name.endswith("-secrets")]


def test_job_and_test_run_on_the_apis_nodes(helm: Helm) -> None:
    """Labels and taints of nodes that hold for the API hold for them, not its spread over nodes."""
    node: dict[str, Any] = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}
    }
    api = {
        "nodeSelector": {"pool": "queue"}, "tolerations": [{"key": "queue", "operator": "Exists"}],
        "affinity": {"nodeAffinity": node, "podAntiAffinity": {}},
    }  # fmt: skip
    pods = helm.render({"api": api, "tests": {"enabled": True}}, apis=()).pods()
    for component in ("secrets", "test"):
        spec = pods[component]["spec"]
        assert spec["nodeSelector"] == api["nodeSelector"]
        assert spec["tolerations"] == api["tolerations"]
        assert spec["affinity"] == {"nodeAffinity": node}


def test_a_changed_job_has_another_name(helm: Helm) -> None:
    """A Job cannot be changed in place: another image or another place makes another Job."""
    same, other, elsewhere, quiet = (
        helm.render(values).one("Job")["metadata"]["name"]
        for values in (
            {}, {"api": {"image": {"tag": "0.2.0"}}}, {"api": {"nodeSelector": {"a": "b"}}},
            {"logLevel": "DEBUG"},
        )
    )  # fmt: skip

    assert same == quiet
    assert len({same, other, elsewhere}) == 3


def objects(path: Path) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_name_secrets_that_the_chart_reads(helm: Helm, path: Path) -> None:
    """Each example's values are rendered, without a Job, and its Secrets are those in use."""
    (values,) = [values_of(item) for item in objects(path) if values_of(item)]
    rendering = helm.render(values, apis=CLUSTER)
    made = {
        (name, key)
        for item in objects(path)
        for name, keys in [secret_of(item)]
        for key in keys
    }  # fmt: skip
    read = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for component in ("api", "worker", "redis")
        for entry in rendering.container(component)["env"]
        if "secretKeyRef" in entry.get("valueFrom", {})
    }

    assert not rendering.all("Job")
    assert made
    assert made == read


def values_of(item: dict[str, Any]) -> dict[str, Any]:
    """The chart's values in an Argo CD Application or a Flux HelmRelease."""
    if item["kind"] == "Application":
        return dict(item["spec"]["source"]["helm"]["valuesObject"])
    return dict(item["spec"]["values"]) if item["kind"] == "HelmRelease" else {}


def secret_of(item: dict[str, Any]) -> tuple[str, list[str]]:
    """The Secret that an ExternalSecret or a SealedSecret makes, with its keys."""
    if item["kind"] == "ExternalSecret":
        return item["spec"]["target"]["name"], [d["secretKey"] for d in item["spec"]["data"]]
    if item["kind"] == "SealedSecret":
        return item["spec"]["template"]["metadata"]["name"], list(item["spec"]["encryptedData"])
    return "", []
