from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from .helm import CHART, Helm

NOTES = """kind: Notes
text: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}
"""


@pytest.fixture(scope="session")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart, with NOTES as one of its objects: Helm prints them with a cluster only."""
    copy = tmp_path_factory.mktemp("noted") / "queue-system"
    shutil.copytree(CHART, copy)
    (copy / "templates/notes.yaml").write_text(NOTES)
    return copy


def notes(helm: Helm, chart: Path, values: dict[str, Any] | None = None) -> str:
    """What `helm install` prints."""
    text: str = helm.render(values or {}, chart=chart).all("Notes")[0]["text"]
    return text


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


def test_an_ingress_takes_several_hosts_and_paths(helm: Helm) -> None:
    """Each of ingress.hosts has a rule with its paths and its certificate; the API serves all."""
    hosts = [
        {"host": "a.example.com", "paths": ["/api", "/docs"], "tlsSecret": "a-tls"},
        {"host": "b.example.com"},
    ]
    values = {
        "ingress": {"enabled": True, "hosts": hosts}, "api": {"allowedHosts": ["c.example.com"]},
    }  # fmt: skip
    rendering = helm.render(values)
    spec = rendering.one("Ingress")["spec"]
    paths = {r["host"]: [p["path"] for p in r["http"]["paths"]] for r in spec["rules"]}
    allowed = rendering.environment("api")["API_ALLOWED_HOSTS"].split(",")

    assert paths == {"a.example.com": ["/api", "/docs"], "b.example.com": ["/"]}
    assert spec["tls"] == [{"secretName": "a-tls", "hosts": ["a.example.com"]}]
    assert {"a.example.com", "b.example.com", "c.example.com"} <= set(allowed)


def test_there_is_no_way_in_from_outside_unasked(helm: Helm) -> None:
    """Neither an Ingress nor an HTTPRoute is made by default."""
    assert not helm.render().all("Ingress")
    assert not helm.render().all("HTTPRoute")


def test_a_route_leads_from_the_gateway_to_the_api(helm: Helm) -> None:
    """Gateways, host names, paths, filters and annotations are those of the values."""
    parents = [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-a"]}}]
    route = {
        "enabled": True, "parentRefs": parents, "hostnames": ["q.example.com"], "paths": ["/api"],
        "annotations": {"a": "b"}, "labels": {"c": "d"}, "filters": filters,
    }  # fmt: skip
    rendering = helm.render({"httpRoute": route, "api": {"allowedHosts": ["inside"]}})
    made = rendering.one("HTTPRoute", "-api")
    (rule,) = made["spec"]["rules"]
    service = rendering.one("Service", "-api")

    assert made["spec"]["parentRefs"] == parents
    assert made["spec"]["hostnames"] == ["q.example.com"]
    assert made["metadata"]["annotations"] == {"a": "b"}
    assert made["metadata"]["labels"]["c"] == "d"
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/api"}}]
    assert rule["filters"] == filters
    port = service["spec"]["ports"][0]["port"]
    assert rule["backendRefs"] == [{"name": service["metadata"]["name"], "port": port}]
    assert "q.example.com" in rendering.environment("api")["API_ALLOWED_HOSTS"].split(",")


def test_notes_send_a_task_by_port_forward(helm: Helm, noted: Path) -> None:
    """Without an ingress NOTES print a curl that waits for the port-forward before it."""
    text = notes(helm, noted)
    (curl,) = curls(text)

    assert (
        "export QUEUE_TOKEN=$(kubectl --namespace space get secret demo-queue-system-auth" in text
    )
    assert "Authorization: Bearer $QUEUE_TOKEN" in curl

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
    helm: Helm, noted: Path, ingress: dict[str, str], url: str
) -> None:
    """With an ingress the first curl goes to its host, over TLS where it has a certificate."""
    assert curls(notes(helm, noted, {"ingress": {"enabled": True, **ingress}}))[0][1] == url


def test_notes_send_a_task_through_the_gateway(helm: Helm, noted: Path) -> None:
    """With an HTTPRoute the first curl goes to its first host name, encrypted unless said."""
    route = {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["q.example.com"]}

    first = curls(notes(helm, noted, {"httpRoute": route}))[0]
    assert first[1] == "https://q.example.com/api/v1/tasks"
    plain = curls(notes(helm, noted, {"httpRoute": {**route, "scheme": "http"}}))[0]
    assert plain[1] == "http://q.example.com/api/v1/tasks"


@pytest.mark.parametrize(
    "route", [{"hostnames": ["*.example.com"]}, {"hostnames": ["a"], "paths": ["/docs"]}, {}]
)
def test_notes_name_no_address_that_leads_nowhere(
    helm: Helm, noted: Path, route: dict[str, Any]
) -> None:
    """A name for many hosts, a path beside the API's and no name at all make no curl."""
    values = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], **route}}

    assert [curl[1] for curl in curls(notes(helm, noted, values))] == [
        "http://localhost:8080/api/v1/tasks"
    ]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ({"ingress": {"enabled": True, "host": "q.example.com"}}, "http://q.example.com/ui"),
        (
            {
                "httpRoute": {
                    "enabled": True, "parentRefs": [{"name": "p"}], "hostnames": ["q.example.com"],
                }
            },
            "https://q.example.com/ui",
        ),
    ],
    ids=["ingress", "gateway"],
)  # fmt: skip
def test_notes_lead_to_the_dashboard(
    helm: Helm, noted: Path, entry: dict[str, Any], url: str
) -> None:
    """With a dashboard NOTES name its URL, and how to reach it without ingress or Gateway."""
    text = notes(helm, noted, {**entry, "dashboard": {"enabled": True}})

    assert f"\n  {url}\n" in text
    assert "service/demo-queue-system-dashboard 8081:80" in text


def test_notes_of_an_open_api_have_no_key(helm: Helm, noted: Path) -> None:
    """With auth.enabled=false no command or login mentions a key, and a warning says so."""
    values = {"auth": {"enabled": False}, "dashboard": {"enabled": True}}
    text = notes(helm, noted, values)

    assert curls(text)
    assert "QUEUE_TOKEN" not in text
    assert "\nDashboard:\n" in text
    assert "WARNING: auth.enabled=false: everyone" in text


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
        ({"ingress": {"enabled": True, "host": "q.example.com"}}, True),
        ({"ingress": {"enabled": True, "host": "q.example.com", "tlsSecret": "t"}}, False),
    ],
    ids=["default", "drain", "everysec", "plain", "tls"],
)
def test_notes_warn_of_what_can_lose_repeat_or_expose(
    helm: Helm, noted: Path, values: dict[str, Any], warned: bool
) -> None:
    """A short drain, a Redis that forgets a second and keys in the clear are allowed and told."""
    assert ("WARNING" in notes(helm, noted, values)) is warned


def test_helm_test_delivers_to_itself_alone(helm: Helm) -> None:
    """The test's own Service is a destination allowed; unless the test is asked for it is not."""
    rendering = helm.render({"tests": {"enabled": True}})
    service = rendering.one("Service", "-test")["metadata"]
    test = {e["name"]: e.get("value") for e in rendering.container("test")["env"]}
    host = f"{service['name']}.space.svc"

    assert rendering.environment("worker")["EGRESS_ALLOW"] == host
    assert test["DESTINATION"] == f"http://{host}:8080/"
    assert rendering.container("test")["image"] == rendering.container("api")["image"]

    without = helm.render()
    assert without.environment("worker")["EGRESS_ALLOW"] == ""
    assert "test" not in without.pods()


def test_helm_test_leaves_nothing(helm: Helm) -> None:
    """What `helm test` makes is a hook that is removed when it has succeeded."""
    for kind in ("Pod", "Service"):
        rendering = helm.render({"tests": {"enabled": True}})
        annotations = rendering.one(kind, "-test")["metadata"]["annotations"]

        assert annotations["helm.sh/hook"] == "test"
        assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]
