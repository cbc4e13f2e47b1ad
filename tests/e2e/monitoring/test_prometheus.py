from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import yaml

from queue_testing import wait_until

from ..harness.commands import run
from ..harness.crds import with_crds
from ..harness.images import load_what_is_here
from ..harness.suite import Suite
from ..harness.system import System
from .operator import scrape_config

HERE = Path(__file__).parent
IMAGE = "queue-e2e-prometheus:1"
KINDS = "apis/monitoring.coreos.com/v1"
SETTINGS = (
    "metrics.serviceMonitor.enabled=true",
    "metrics.serviceMonitor.interval=2s",
    "metrics.serviceMonitor.scrapeTimeout=1s",
    "metrics.serviceMonitor.annotations.note=kept",
    "metrics.serviceMonitor.relabelings[0].targetLabel=team",
    "metrics.serviceMonitor.relabelings[0].replacement=messaging",
    "metrics.serviceMonitor.metricRelabelings[0].action=drop",
    "metrics.serviceMonitor.metricRelabelings[0].sourceLabels={__name__}",
    "metrics.serviceMonitor.metricRelabelings[0].regex=queue_redis_up",
    "metrics.prometheusRule.enabled=true",
    "metrics.prometheusRule.alertLabels.team=messaging",
)


@pytest_asyncio.fixture(loop_scope="session")
async def monitored(suite: Suite, system: System) -> AsyncIterator[System]:
    """The system with a Prometheus beside it, set up by the chart's objects; then as before."""
    build = ("docker", "build", "--quiet", "--tag", IMAGE, *suite.settings.build_flags, str(HERE))
    await run(*build, timeout_seconds=600)
    await load_what_is_here(suite.settings, {IMAGE})
    async with with_crds(suite.cluster, "prometheus-operator", "monitoring.coreos.com/v1"):
        try:
            await system.release.install(*SETTINGS)
            await start_prometheus(system)
            yield system
        finally:
            await system.release.install()
            manifest = str(HERE / "prometheus.yaml")
            gone = ("--ignore-not-found", "--wait=false")
            await system.namespace.kubectl("delete", "-f", manifest, *gone)


async def start_prometheus(system: System) -> None:
    """Run Prometheus with what the cluster's ServiceMonitor and PrometheusRule say."""
    namespace = system.namespace
    [monitor] = await namespace.items(f"{KINDS}/servicemonitors")
    [rule] = await namespace.items(f"{KINDS}/prometheusrules")
    assert monitor["metadata"]["annotations"]["note"] == "kept"
    config = {
        "global": {"evaluation_interval": "2s"},
        "scrape_configs": [await scrape_config(monitor, namespace)],
        "rule_files": ["/etc/monitoring/rules.yaml"],
    }
    data = {
        "prometheus.yaml": yaml.safe_dump(config),
        "rules.yaml": yaml.safe_dump({"groups": rule["spec"]["groups"]}),
    }
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prometheus"}}
    await namespace.apply(json.dumps({**head, "data": data}))
    await namespace.kubectl("apply", "-f", str(HERE / "prometheus.yaml"))
    await namespace.kubectl("rollout", "status", "deployment/prometheus", "--timeout=120s")


async def ask(system: System, path: str, **params: str) -> dict[str, Any]:
    """Ask Prometheus' API."""
    response = await system.namespace.service("prometheus", 9090, f"api/v1/{path}", params)
    response.raise_for_status()
    return dict(response.json()["data"])


async def test_prometheus_reads_every_pod_and_every_alert(monitored: System) -> None:
    """All pods of API and worker are scraped, relabelled, and each alert is evaluated."""
    pods = [pod for part in ("api", "worker") for pod in await monitored.release.pods(part)]

    async def value(query: str) -> list[dict[str, Any]]:
        return list((await ask(monitored, "query", query=query))["result"])

    async def all_up() -> bool:
        return len(await value('up{team="messaging"} == 1')) == len(pods)

    await wait_until(all_up, "each pod is scraped", 60, every_seconds=1)
    await monitored.api.until(
        await monitored.api.create(monitored.receiver.ledger().url()), state="delivered"
    )

    async def counted() -> bool:
        return bool(await value("sum(messaging_client_sent_messages_total) > 0"))

    async def evaluated() -> bool:
        groups = (await ask(monitored, "rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        seen.extend(rules)
        return all(rule["health"] == "ok" for rule in rules)

    seen: list[dict[str, Any]] = []
    await wait_until(evaluated, "each rule is evaluated", 90, every_seconds=2)
    await wait_until(counted, "the accepted task is counted", 60, every_seconds=1)
    assert not await value("queue_redis_up")
    assert await value("queue_redis_persistence_ok")
    alerts = [rule for rule in seen if rule["type"] == "alerting"]
    assert len(alerts) > 10
    assert all(rule["labels"]["team"] == "messaging" for rule in alerts)
