from __future__ import annotations

from typing import Any

import pytest

from queue_dashboard.settings import DashboardSettings

from .helm import Helm

ON: dict[str, Any] = {"dashboard": {"enabled": True}}
PUBLIC = {"ingress": {"enabled": True, "host": "q.example.com", "path": "/api"}}


def test_there_is_no_dashboard_unasked(helm: Helm) -> None:
    """No object of the dashboard is made by default."""
    names = [item["metadata"]["name"] for item in helm.render().objects]

    assert not [name for name in names if name.endswith("-dashboard")]


def test_it_knows_the_api_and_no_redis(helm: Helm) -> None:
    """Its variables are ones it reads; none of them is of Redis, and no volume either."""
    rendering = helm.render(ON)
    variables = rendering.environment("dashboard")
    service = rendering.one("Service", "-api")["metadata"]["name"]

    assert {name.lower() for name in variables} <= set(DashboardSettings.model_fields)
    assert variables["DASHBOARD_API_URL"] == f"http://{service}:80"
    assert "REDIS" not in str(rendering.pods()["dashboard"])


def test_it_reaches_the_api_alone(helm: Helm) -> None:
    """Its NetworkPolicy opens DNS and the API's pods, and Redis lets in API and workers alone."""
    rendering = helm.render(ON)
    egress = rendering.one("NetworkPolicy", "-dashboard")["spec"]["egress"]
    components = [
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in egress[1:]
        for peer in rule["to"]
    ]

    assert {port["port"] for port in egress[0]["ports"]} == {53}
    assert components == ["api"]
    assert "dashboard" not in str(rendering.one("NetworkPolicy", "-redis"))


@pytest.mark.parametrize(
    ("more", "host", "path", "root"),
    [
        ({}, "q.example.com", "/ui", "/ui"),
        ({"host": "ui.example.com", "path": "/"}, "ui.example.com", "/", ""),
    ],
    ids=["path", "host"],
)
def test_an_ingress_leads_to_it(
    helm: Helm, more: dict[str, str], host: str, path: str, root: str
) -> None:
    """It is served below a path of the API's host, or at a host of its own, and knows which."""
    rendering = helm.render(PUBLIC, {"dashboard": {"enabled": True, **more}})
    (rule,) = rendering.one("Ingress", "-dashboard")["spec"]["rules"]
    (made,) = rule["http"]["paths"]
    variables = rendering.environment("dashboard")

    assert (rule["host"], made["path"]) == (host, path)
    assert made["backend"]["service"]["name"] == "demo-queue-system-dashboard"
    assert variables["DASHBOARD_ROOT_PATH"] == root
    assert variables["DASHBOARD_ALLOWED_HOSTS"].split(",")[0] == host
    assert variables["DASHBOARD_PUBLIC_API_URL"] == "http://q.example.com"


def test_a_route_leads_to_it(helm: Helm) -> None:
    """Behind a Gateway it has an HTTPRoute of its own, at the API's host names."""
    route = {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["q.example.com"]}
    rendering = helm.render(ON, {"httpRoute": route})
    spec = rendering.one("HTTPRoute", "-dashboard")["spec"]
    (rule,) = spec["rules"]

    assert spec["hostnames"] == ["q.example.com"]
    assert rule["matches"][0]["path"]["value"] == "/ui"
    assert rule["backendRefs"][0]["name"] == "demo-queue-system-dashboard"
    url = rendering.environment("dashboard")["DASHBOARD_PUBLIC_API_URL"]
    assert url == "https://q.example.com"


@pytest.mark.parametrize("own", ["", "sessions"])
def test_its_session_secret_comes_from_a_secret(helm: Helm, own: str) -> None:
    """The chart makes the Secret unless one is named."""
    rendering = helm.render({"dashboard": {"enabled": True, "existingSecret": own}})
    env = {e["name"]: e for e in rendering.container("dashboard")["env"]}
    reference = env["DASHBOARD_SESSION_SECRET"]["valueFrom"]["secretKeyRef"]
    made = [s["metadata"]["name"] for s in rendering.all("Secret")]

    assert reference == {"name": own or "demo-queue-system-dashboard", "key": "session-secret"}
    assert ("demo-queue-system-dashboard" in made) is not bool(own)


def test_a_proxy_names_its_users(helm: Helm) -> None:
    """With a trusted header its key comes from a Secret, and pods of the namespace stay outside."""
    header = {"name": "X-Forwarded-User", "existingSecret": "key"}
    rendering = helm.render({"dashboard": {"enabled": True, "trustedHeader": header}})
    (rule,) = rendering.one("NetworkPolicy", "-dashboard")["spec"]["ingress"]

    assert rendering.environment("dashboard")["DASHBOARD_TRUSTED_HEADER"] == "X-Forwarded-User"
    assert {"podSelector": {}} not in rule["from"]


@pytest.mark.parametrize(
    ("dashboard", "sentence"),
    [
        ({"tlsSecret": "t"}, "needs dashboard.host"),
        ({"path": "/"}, "this path is the API's"),
        ({"path": "/api"}, "this path is the API's"),
        ({"path": "/docs/ui"}, "this path is the API's"),
        ({"path": "/", "host": "q.example.com"}, "this path is the API's"),
        ({"trustedHeader": {"name": "X-User"}}, "needs dashboard.trustedHeader.existingSecret"),
    ],
)
def test_what_cannot_work_is_refused(helm: Helm, dashboard: dict[str, Any], sentence: str) -> None:
    """A certificate without a name, the API's own path, and users without a key are refused."""
    assert sentence in helm.refusal(PUBLIC, {"dashboard": {"enabled": True, **dashboard}})
