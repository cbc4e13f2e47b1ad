"""What Prometheus Operator makes of a ServiceMonitor: a part of Prometheus' configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..harness.cluster import Namespace

__all__ = ["scrape_config"]

Object = dict[str, Any]


async def scrape_config(monitor: Object, namespace: Namespace) -> Object:
    """Return the scrape configuration for a ServiceMonitor's only endpoint.

    Debian's Prometheus cannot look for targets in Kubernetes, so they are listed.
    """
    (endpoint,) = monitor["spec"]["endpoints"]
    return {
        "job_name": monitor["metadata"]["name"],
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "static_configs": [{"targets": await _targets(monitor, endpoint["port"], namespace)}],
        "relabel_configs": [_rule(rule) for rule in endpoint["relabelings"]],
        "metric_relabel_configs": [_rule(rule) for rule in endpoint["metricRelabelings"]],
    }


async def _targets(monitor: Object, port: str, namespace: Namespace) -> list[str]:
    """Return the addresses behind the port of all Services that the monitor selects."""
    labels = monitor["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    services = await namespace.items("api/v1/services", selector)
    names = {service["metadata"]["name"] for service in services}
    return [
        f"{address}:{number['port']}"
        for slice_ in await namespace.items("apis/discovery.k8s.io/v1/endpointslices")
        if slice_["metadata"]["labels"]["kubernetes.io/service-name"] in names
        for number in slice_["ports"]
        if number["name"] == port
        for endpoint in slice_["endpoints"]
        for address in endpoint["addresses"]
    ]


def _rule(rule: Object) -> Object:
    return {re.sub(r"([A-Z])", lambda m: f"_{m[1].lower()}", key): v for key, v in rule.items()}
