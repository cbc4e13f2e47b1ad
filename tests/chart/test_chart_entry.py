from __future__ import annotations

import shlex
from typing import Any

import pytest

from .helm import CHART, Helm, merged


def notes(helm: Helm, values: dict[str, Any] | None = None) -> str:
    """What `helm install` prints."""
    secret = {"redis": {"auth": {"existingSecret": "login"}}}
    done = helm.run(
        "install", "demo", str(CHART), "--dry-run=client", "--namespace=space",
        "--kube-version=1.34.0",
        values=merged(secret, values or {}),
    )  # fmt: skip
    if "unknown flag: --kube-version" in done.stderr:
        pytest.skip("this Helm renders NOTES only with a cluster of its own version")
    assert done.returncode == 0, done.stderr
    return done.stdout.split("NOTES:\n")[1]


def curls(text: str) -> list[list[str]]:
    """The commands of NOTES that call curl, in words."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip().startswith("curl ")]


def test_ingress_leads_to_the_api(helm: Helm) -> None:
    """Host, path, class, certificate and annotations are those of the values."""
    ingress = {
        "enabled": True, "className": "nginx", "host": "queue.example.com", "path": "/api",
        "tlsSecret": "certificate", "annotations": {"a": "b"},
    }  # fmt: skip
    rendering = helm.render({"ingress": ingress})
    made = rendering.one("Ingress")
    (rule,) = made["spec"]["rules"]
    (path,) = rule["http"]["paths"]

    assert made["spec"]["ingressClassName"] == "nginx"
    assert made["spec"]["tls"] == [{"secretName": "certificate", "hosts": ["queue.example.com"]}]
    assert made["metadata"]["annotations"] == {"a": "b"}
    assert (rule["host"], path["path"], path["pathType"]) == ("queue.example.com", "/api", "Prefix")
    service = path["backend"]["service"]
    assert service["name"] == rendering.one("Service", "-api")["metadata"]["name"]
    assert service["port"]["name"] == rendering.one("Service", "-api")["spec"]["ports"][0]["name"]


def test_there_is_no_ingress_unasked(helm: Helm) -> None:
    """The API knows no users: it is not shown to the outside by default."""
    assert not helm.render().all("Ingress")


def test_notes_send_a_task_by_port_forward(helm: Helm) -> None:
    """Without an ingress NOTES print a curl that waits for the port-forward before it."""
    text = notes(helm)
    (curl,) = curls(text)

    assert "kubectl --namespace space port-forward service/demo-queue-system-api 8080:80 &" in text
    assert curl[1] == "http://localhost:8080/api/v1/tasks"
    assert "--retry-connrefused" in curl


@pytest.mark.parametrize(
    ("ingress", "url"),
    [
        ({"host": "q.example.com"}, "http://q.example.com/api/v1/tasks"),
        ({"host": "q.example.com", "tlsSecret": "t"}, "https://q.example.com/api/v1/tasks"),
    ],
    ids=["plain", "tls"],
)
def test_notes_send_a_task_through_the_ingress(
    helm: Helm, ingress: dict[str, str], url: str
) -> None:
    """With an ingress the first curl goes to its host, over TLS where it has a certificate."""
    assert curls(notes(helm, {"ingress": {"enabled": True, **ingress}}))[0][1] == url


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ({}, False),
        ({"worker": {"requestTimeout": "1m", "drainTimeout": "35s"}}, True),
        (
            {
                "redis": {
                    "persistence": {"appendfsync": "everysec"},
                }
            },
            True,
        ),
    ],
    ids=["default", "drain", "everysec"],
)
def test_notes_warn_of_what_can_lose_or_repeat(
    helm: Helm, values: dict[str, Any], warned: bool
) -> None:
    """A drain shorter than a request and a Redis that forgets a second are allowed, not hidden."""
    assert ("WARNING" in notes(helm, values)) is warned


def test_helm_test_delivers_to_itself_alone(helm: Helm) -> None:
    """The test's own Service is a destination allowed; without the test it is not."""
    rendering = helm.render()
    service = rendering.one("Service", "-test")["metadata"]
    test = {e["name"]: e["value"] for e in rendering.container("test")["env"]}
    host = f"{service['name']}.space.svc"

    assert rendering.environment("worker")["EGRESS_ALLOW"] == host
    assert test["DESTINATION"] == f"http://{host}:8080/"
    assert rendering.container("test")["image"] == rendering.container("api")["image"]

    without = helm.render({"tests": {"enabled": False}})
    assert without.environment("worker")["EGRESS_ALLOW"] == ""
    assert "test" not in without.pods()


def test_helm_test_leaves_nothing(helm: Helm) -> None:
    """What `helm test` makes is a hook that is removed when it has succeeded."""
    for kind in ("Pod", "Service"):
        annotations = helm.render().one(kind, "-test")["metadata"]["annotations"]

        assert annotations["helm.sh/hook"] == "test"
        assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]
