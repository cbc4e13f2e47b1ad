from __future__ import annotations

import json

import yaml

from .helm import CHART, Helm

METRICS = {
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
}


def test_nothing_of_prometheus_is_made_unasked(helm: Helm) -> None:
    """Monitor, rules and dashboards come only where they are asked for."""
    kinds = {item["kind"] for item in helm.render().objects}

    assert not kinds & {"ServiceMonitor", "PrometheusRule"}
    names = [item["metadata"]["name"] for item in helm.render().all("ConfigMap")]
    assert not [name for name in names if name.endswith("-dashboards")]


def test_the_monitor_finds_both_metrics_services_alone(helm: Helm) -> None:
    """It selects the metrics' Services of api and worker, at a port they have."""
    rendering = helm.render({"metrics": METRICS})
    monitor = rendering.one("ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    chosen = [s for s in rendering.all("Service") if wanted <= s["metadata"]["labels"].items()]
    (endpoint,) = monitor["spec"]["endpoints"]

    assert [s["metadata"]["name"] for s in chosen] == [
        "demo-queue-system-api-metrics",
        "demo-queue-system-worker-metrics",
    ]
    assert all(s["spec"]["ports"][0]["name"] == endpoint["port"] for s in chosen)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_every_alert_is_installed(helm: Helm) -> None:
    """The PrometheusRule holds the groups of the files in alerts/, as they are."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(CHART.glob("alerts/*.yaml"))]
    rule = helm.render({"metrics": METRICS}).one("PrometheusRule")

    assert rule["spec"]["groups"] == [group for file in files for group in file["groups"]]


def test_every_dashboard_is_installed(helm: Helm) -> None:
    """The ConfigMap holds the files in dashboards/, labelled as Grafana's sidecar wants it."""
    files = {path.name: json.loads(path.read_text()) for path in CHART.glob("dashboards/*.json")}
    config = helm.render({"metrics": METRICS}).one("ConfigMap", "-dashboards")

    assert {name: json.loads(text) for name, text in (config["data"] or {}).items()} == files
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_jaeger_keeps_a_bounded_number_of_traces(helm: Helm) -> None:
    """The chart's Jaeger accepts OTLP and queries, and drops the oldest traces."""
    rendering = helm.render({"jaeger": {"enabled": True, "maxTraces": 500}})
    config = yaml.safe_load(rendering.one("ConfigMap", "-jaeger")["data"]["config.yaml"])
    ports = {p["name"]: p["port"] for p in rendering.one("Service", "-jaeger")["spec"]["ports"]}

    storage = config["extensions"]["jaeger_storage"]["backends"]["memory"]["memory"]
    assert storage == {"max_traces": 500}
    assert ports == {"otlp-grpc": 4317, "otlp-http": 4318, "query": 16686}
