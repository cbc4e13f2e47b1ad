from __future__ import annotations

from typing import Any

import pytest

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
    rules = policy(helm.render(values, {"egress": {"allow": []}}), "worker")["egress"]
    assert [rule for rule in rules if not rule["to"]] == []


def peers_at(rendering: Rendering, component: str, port: int) -> list[Object]:
    """Return whom a component may reach at this port by a rule of its own; there must be one."""
    wanted = {"protocol": "TCP", "port": port}
    (rule,) = [r for r in policy(rendering, component)["egress"] if wanted in r.get("ports", [])]
    assert rule["to"]
    return list(rule["to"])


def namespace(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("10.1.2.3", {"ipBlock": {"cidr": "10.1.2.3/32"}}),
        ("[fd00::1]", {"ipBlock": {"cidr": "fd00::1/128"}}),
        ("collector", {"podSelector": {}}),
        ("collector.observability", namespace("observability")),
        ("collector.observability.svc", namespace("observability")),
        ("collector.observability.svc.cluster.local", namespace("observability")),
    ],
)
def test_a_collector_is_reached_where_its_url_says(helm: Helm, host: str, peer: Object) -> None:
    """The port is open to the address or to the pods of the namespace that the URL names."""
    for url, port in ((f"http://{host}:4318", 4318), (f"https://{host}/otlp", 443)):
        rendering = helm.render({"telemetry": {"endpoint": url}})
        for component in ("api", "worker"):
            assert peers_at(rendering, component, port) == [peer]


def test_a_collector_outside_is_in_the_public_internet(helm: Helm) -> None:
    """A name from outside the cluster opens its port to no private range, metadata or neighbour."""
    rendering = helm.render({"telemetry": {"endpoint": "https://otlp.vendor.example"}})
    for component in ("api", "worker"):
        worlds = [peer["ipBlock"] for peer in peers_at(rendering, component, 443)]
        assert [world["cidr"] for world in worlds] == ["0.0.0.0/0", "::/0"]
        assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(worlds[0]["except"])


def test_a_collector_is_reached_where_the_operator_says(helm: Helm) -> None:
    """telemetry.to takes the place of what the URL says."""
    peer = {"ipBlock": {"cidr": "10.1.2.0/24"}}
    telemetry = {"endpoint": "https://otlp.corp.example", "to": [peer]}
    for component in ("api", "worker"):
        assert peers_at(helm.render({"telemetry": telemetry}), component, 443) == [peer]


def test_names_are_resolved_by_the_clusters_dns_alone(helm: Helm) -> None:
    """Port 53 is open to the DNS pods and the node's cache, or to those of networkPolicy.dnsTo."""
    own = namespace("openshift-dns")
    for values, expected in (
        ({}, [{**namespace("kube-system"), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}},
              {"ipBlock": {"cidr": "169.254.20.10/32"}}]),
        ({"networkPolicy": {"dnsTo": [own]}}, [own]),
    ):  # fmt: skip
        for component in ("api", "worker"):
            rules = policy(helm.render(values), component)["egress"]
            (dns,) = [r for r in rules if {"protocol": "UDP", "port": 53} in r.get("ports", [])]
            assert dns["to"] == expected


def test_jaeger_is_let_through_to(helm: Helm) -> None:
    """With the chart's Jaeger both processes may reach it, and it reaches nothing."""
    rendering = helm.render({"jaeger": {"enabled": True}})
    for component in ("api", "worker"):
        peers = [p for rule in policy(rendering, component)["egress"] for p in rule.get("to", [])]
        assert "jaeger" in [component_of(peer) for peer in peers]
    assert "egress" not in policy(rendering, "jaeger")


def test_an_external_redis_is_reached_where_it_is(helm: Helm) -> None:
    """Its port is open to the peers of externalRedis.to, or to the address that its host is."""
    peer = {"ipBlock": {"cidr": "10.30.0.0/24"}}
    for external, expected in (
        ({"host": "db.corp.example.com", "to": [peer]}, peer),
        ({"host": "10.30.0.7"}, {"ipBlock": {"cidr": "10.30.0.7/32"}}),
        ({"host": "redis.databases.svc"}, namespace("databases")),
        (
            {"sentinel": {"addresses": ["a.redis.data.svc:26379", "b.redis.data.svc:26379"]}},
            namespace("data"),
        ),
    ):
        values = {"redis": {"enabled": False}, "externalRedis": {**external, "port": 6380}}
        for component in ("api", "worker"):
            assert peers_at(helm.render(values), component, 6380) == [expected]


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
