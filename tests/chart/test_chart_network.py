from __future__ import annotations

from typing import Any

from .helm import Helm, Rendering

Object = dict[str, Any]


def policy(rendering: Rendering, component: str) -> Object:
    spec: Object = rendering.one("NetworkPolicy", f"-{component}")["spec"]
    return spec


def component_of(peer: Object) -> str | None:
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    name = labels.get("app.kubernetes.io/component")
    return str(name) if name else None


def blocks(rendering: Rendering) -> dict[str, list[str]]:
    """The CIDRs the worker may reach, with what is taken out of each."""
    peers = [p for rule in policy(rendering, "worker")["egress"] for p in rule.get("to", [])]
    found = [peer["ipBlock"] for peer in peers if "ipBlock" in peer]
    return {b["cidr"]: b.get("except", []) for b in found if b["cidr"] != "169.254.20.10/32"}


def test_only_api_and_worker_reach_redis(helm: Helm) -> None:
    """Redis lets in these two, at its port, and reaches nothing itself."""
    spec = policy(helm.render(), "redis")
    (rule,) = spec["ingress"]

    assert [component_of(peer) for peer in rule["from"]] == ["api", "worker"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "redis"}]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec


def test_the_api_is_reached_from_its_namespace_and_the_ingress(helm: Helm) -> None:
    """The api's port is open to its own namespace and to ingress controllers' namespaces."""
    values = {"networkPolicy": {"ingressNamespaces": ["edge"]}}
    http = policy(helm.render(values), "api")["ingress"][0]
    own, controllers = http["from"]

    assert http["ports"] == [{"protocol": "TCP", "port": "http"}]
    assert own == {"podSelector": {}}
    (expression,) = controllers["namespaceSelector"]["matchExpressions"]
    assert expression["key"] == "kubernetes.io/metadata.name"
    assert expression["values"] == ["edge"]


def test_a_service_for_the_outside_is_open_to_it(helm: Helm) -> None:
    """With a load balancer the api's port is open to all."""
    rendering = helm.render({"api": {"service": {"type": "LoadBalancer"}}})

    assert "from" not in policy(rendering, "api")["ingress"][0]


def test_keda_may_read_the_backlog(helm: Helm) -> None:
    """KEDA's namespace is among those that may reach the metrics' port."""
    metrics = policy(helm.render(), "api")["ingress"][1]
    (expression,) = metrics["from"][0]["namespaceSelector"]["matchExpressions"]

    assert "keda" in expression["values"]
    assert metrics["ports"] == [{"protocol": "TCP", "port": "metrics"}]


def test_workers_reach_the_world_without_private_ranges(helm: Helm) -> None:
    """Private, shared, loopback and link-local ranges are left out of both worlds."""
    found = blocks(helm.render())

    assert set(found) == {"0.0.0.0/0", "::/0"}
    assert set(found["0.0.0.0/0"]) == {
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16",
    }  # fmt: skip
    assert set(found["::/0"]) == {"fc00::/7", "fe80::/10"}


def test_what_egress_lists_is_let_through_or_not(helm: Helm) -> None:
    """CIDRs and addresses of egress.allow are added, those of deny and of the cluster taken out."""
    values = {
        "egress": {
            "allow": ["10.1.0.0/16", "10.2.0.7", "fd00::1", ".internal.example.com"],
            "deny": ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32", ".example.org"],
        },
        "networkPolicy": {"clusterCIDRs": ["11.0.0.0/8"]},
    }
    found = blocks(helm.render(values))

    assert set(found) == {"0.0.0.0/0", "::/0", "10.1.0.0/16", "10.2.0.7/32", "fd00::1/128"}
    assert {"203.0.113.0/24", "198.51.100.7/32", "11.0.0.0/8"} <= set(found["0.0.0.0/0"])
    assert "2001:db8::/32" in found["::/0"]
    assert "2001:db8::/32" not in found["0.0.0.0/0"]


def test_denying_the_world_leaves_what_is_allowed(helm: Helm) -> None:
    """Deny 0.0.0.0/0 and ::/0 closes the world: no rule is made that Kubernetes would refuse."""
    values = {"egress": {"allow": ["10.0.0.0/8"], "deny": ["0.0.0.0/0", "::/0"]}}

    assert blocks(helm.render(values)) == {"10.0.0.0/8": []}


def test_telemetry_is_let_through_to_its_port(helm: Helm) -> None:
    """The collector's port is open where one is named, from its URL or its scheme."""
    for url, port in (("http://c.example:4318", 4318), ("https://c.example/otlp", 443)):
        rendering = helm.render({"telemetry": {"endpoint": url}})
        for component in ("api", "worker"):
            rules = policy(rendering, component)["egress"]
            assert {"ports": [{"protocol": "TCP", "port": port}]} in rules


def test_jaeger_is_let_through_to(helm: Helm) -> None:
    """With the chart's Jaeger both processes may reach it, and it reaches nothing."""
    rendering = helm.render({"jaeger": {"enabled": True}})
    for component in ("api", "worker"):
        peers = [p for rule in policy(rendering, component)["egress"] for p in rule.get("to", [])]
        assert "jaeger" in [component_of(peer) for peer in peers]
    assert "egress" not in policy(rendering, "jaeger")


def test_an_external_redis_is_reached_at_its_port(helm: Helm) -> None:
    """Its name leads anywhere, so the port alone is opened."""
    values = {
        "redis": {"enabled": False},
        "externalRedis": {"host": "db.example.com", "port": 6380},
    }
    rules = policy(helm.render(values), "worker")["egress"]

    assert {"ports": [{"protocol": "TCP", "port": 6380}]} in rules


def test_sentinels_are_reached_at_their_ports(helm: Helm) -> None:
    """The Sentinels' ports are opened, each once, beside that of the servers they name."""
    values = {
        "redis": {"enabled": False},
        "externalRedis": {
            "port": 6380,
            "sentinel": {"addresses": ["a.redis:26379", "b.redis:26379", "[fd00::1]:26380"]},
        },
    }
    for component in ("api", "worker"):
        rules = policy(helm.render(values), component)["egress"]
        ports = [{p["port"] for p in rule["ports"]} for rule in rules if "ports" in rule]

        assert {6380, 26379, 26380} in ports


def test_further_peers_are_taken(helm: Helm) -> None:
    """ExtraApiFrom and extraWorkerTo go into the rules as they are."""
    peer = {"namespaceSelector": {"matchLabels": {"a": "b"}}}
    values = {"networkPolicy": {"extraApiFrom": [peer], "extraWorkerTo": [peer]}}
    rendering = helm.render(values)
    worker = [p for rule in policy(rendering, "worker")["egress"] for p in rule.get("to", [])]

    assert peer in policy(rendering, "api")["ingress"][0]["from"]
    assert peer in worker


def test_policies_can_be_left_out(helm: Helm) -> None:
    """networkPolicy.enabled=false makes none."""
    assert not helm.render({"networkPolicy": {"enabled": False}}).all("NetworkPolicy")
