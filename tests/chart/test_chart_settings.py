from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from queue_api.settings import ApiSettings
from queue_worker.settings import WorkerSettings

from .helm import CHART, Helm

PROCESSES: list[tuple[str, type[BaseSettings]]] = [
    ("api", ApiSettings),
    ("worker", WorkerSettings),
]
CASES = sorted((CHART / "ci").glob("*.yaml"))
OWN = {"POD_NAME"}
SET_BY_THE_CHART = {
    "env", "redis_addr", "redis_username", "redis_password", "metrics_port", "egress_allow",
    "api_host", "metrics_host", "otel_resource_attributes", "api_auth", "api_root_key",
}  # fmt: skip


def read(
    kind: type[BaseSettings], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> BaseSettings:
    """Read settings from these variables and from nothing else."""
    for name in kind.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return kind(_env_file=None)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize(("component", "kind"), PROCESSES, ids=["api", "worker"])
def test_the_processes_read_what_the_chart_sets(
    helm: Helm, component: str, kind: type[BaseSettings], path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Every variable is one the process reads, and its value one it takes."""
    variables = helm.render(yaml.safe_load(path.read_text())).environment(component)
    files = {"REDIS_CA_FILE", "WORKER_CA_FILE"}  # mounted in the pod, absent here
    secret = {"HTTPS_PROXY", "API_ROOT_KEY", "SIGNING_SECRETS", "ENCRYPTION_KEYS"}

    assert {name.lower() for name in variables.keys() - OWN} <= set(kind.model_fields)
    rest = {k: v for k, v in variables.items() if k not in files | secret}
    assert read(kind, rest, monkeypatch).env == "production"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("component", "kind"), PROCESSES, ids=["api", "worker"])
def test_the_charts_defaults_are_the_processes_own(
    helm: Helm, component: str, kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value nobody sets means in the chart what it means elsewhere."""
    variables = helm.render().environment(component)
    ours = read(kind, variables, monkeypatch).model_dump(exclude=SET_BY_THE_CHART)
    theirs = read(kind, {}, monkeypatch).model_dump(exclude=SET_BY_THE_CHART)

    assert ours == theirs


@pytest.mark.parametrize("component", ["api", "worker"])
def test_egress_lists_reach_the_processes(helm: Helm, component: str) -> None:
    """egress.allow and deny are the guard's own lists, in the API and in the worker."""
    egress = {"allow": ["10.0.0.0/8", ".internal"], "deny": ["192.0.2.1"]}
    variables = helm.render({"egress": egress}).environment(component)

    assert variables["EGRESS_ALLOW"] == "10.0.0.0/8,.internal"
    assert variables["EGRESS_DENY"] == "192.0.2.1"


def test_further_variables_and_secrets_are_taken(helm: Helm) -> None:
    """ExtraEnv puts variables into a process, from a Secret too."""
    entry = {
        "name": "OTEL_EXPORTER_OTLP_HEADERS",
        "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}},
    }
    container = helm.render({"api": {"extraEnv": [entry]}}).container("api")

    assert entry in container["env"]


@pytest.mark.parametrize(
    ("values", "endpoint"),
    [
        ({}, None),
        ({"telemetry": {"endpoint": "http://collector:4318"}}, "http://collector:4318"),
        ({"jaeger": {"enabled": True}}, "http://demo-queue-system-jaeger:4318"),
    ],
    ids=["none", "collector", "jaeger"],
)
def test_telemetry_goes_where_it_is_sent(
    helm: Helm, values: dict[str, Any], endpoint: str | None
) -> None:
    """Nothing is exported unless a collector is named, or the chart's Jaeger is on."""
    for component in ("api", "worker"):
        variables = helm.render(values).environment(component)

        assert variables.get("OTEL_EXPORTER_OTLP_ENDPOINT") == endpoint


def test_destinations_ca_is_mounted(helm: Helm) -> None:
    """worker.caSecret is a file WORKER_CA_FILE names."""
    rendering = helm.render({"worker": {"caSecret": "company", "caSecretKey": "root.pem"}})
    mounts = {m["mountPath"]: m["name"] for m in rendering.container("worker")["volumeMounts"]}
    volumes = {v["name"]: v for v in rendering.pods()["worker"]["spec"]["volumes"]}
    path = Path(rendering.environment("worker")["WORKER_CA_FILE"])

    assert path.name == "root.pem"
    assert volumes[mounts[str(path.parent)]]["secret"]["secretName"] == "company"


def test_the_api_is_reached_by_its_own_names_whatever_is_listed(helm: Helm) -> None:
    """To api.allowedHosts come the ingress' host and the Service's names; empty, none is set."""
    values = {
        "api": {"allowedHosts": ["queue.internal.example"]}, "fullnameOverride": "q",
        "ingress": {"enabled": True, "host": "queue.example.com"},
    }  # fmt: skip
    hosts = helm.render(values).environment("api")["API_ALLOWED_HOSTS"].split(",")

    assert hosts[0] == "queue.internal.example"
    assert hosts[-1] == "queue.example.com"
    assert [host.count(".") for host in hosts[1:-1]] == [0, 1, 2, 4]
    assert all(host.startswith("q-api") for host in hosts[1:-1])
    assert "API_ALLOWED_HOSTS" not in helm.render({}).environment("api")
