"""What values add to the NetworkPolicies: sidecars' ports, further clients and destinations."""

from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm

PEER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
COMPONENTS = ["api", "worker", "dashboard", "redis"]


def policy(helm: Helm, component: str, **network: object) -> dict[str, Any]:
    values = {"dashboard": {"enabled": True}, "networkPolicy": network}
    spec: dict[str, Any] = helm.render(values).one("NetworkPolicy", f"-{component}")["spec"]
    return spec


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_sidecars_port_can_be_opened(helm: Helm, component: str) -> None:
    """ExtraIngress adds rules with peers and ports, such as for an exporter beside Redis."""
    rule = {"from": [PEER], "ports": [{"protocol": "TCP", "port": 9121}]}
    before = policy(helm, component)["ingress"]

    assert policy(helm, component, extraIngress={component: [rule]})["ingress"] == [*before, rule]


@pytest.mark.parametrize("component", ["api", "dashboard", "redis"])
def test_further_clients_reach_the_port_itself(helm: Helm, component: str) -> None:
    """Each extra…From adds its peers to those that reach the component's own port."""
    rule = policy(helm, component, **{f"extra{component.title()}From": [PEER]})["ingress"][0]

    assert PEER in rule["from"]
    assert [port["port"] for port in rule["ports"]] == ["redis" if component == "redis" else "http"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_further_destinations_can_be_reached(helm: Helm, component: str) -> None:
    """Each extra…To opens its peers to the component's pods; Redis' pod then resolves names too."""
    egress = policy(helm, component, **{f"extra{component.title()}To": [PEER]})["egress"]

    assert [rule for rule in egress if PEER in rule["to"] and "ports" not in rule]
    assert {port["port"] for port in egress[0]["ports"]} == {53}


@pytest.mark.parametrize("rule", [{"from": [PEER]}, {"ports": [{"port": 9121}]}, {"from": []}])
def test_a_rule_names_peers_and_ports(helm: Helm, rule: dict[str, Any]) -> None:
    """A rule without peers would let in everybody, one without ports open all: both are refused."""
    values = {"networkPolicy": {"extraIngress": {"redis": [rule]}}}

    assert "extraIngress/redis/0" in helm.refusal(values)
