from __future__ import annotations

from typing import Any

import pytest

from .helm import Helm

EXTERNAL: dict[str, Any] = {"redis": {"enabled": False}, "externalRedis": {"host": "db"}}


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"replicas": 3}, "replicas"),
        ({"api": {"replica": 3}}, "replica"),
        ({"worker": {"autoscaling": {"hpa": {"cpu": 3}}}}, "cpu"),
        ({"redis": {"persistance": {}}}, "persistance"),
        ({"externalRedis": {"password": "p"}}, "password"),
        ({"api": {"resources": {"limit": {}}}}, "limit"),
        ({"api": {"extraEnv": [{"nam": "A", "value": "b"}]}}, "nam"),
    ],
)
def test_a_misspelt_key_is_refused(helm: Helm, values: dict[str, Any], place: str) -> None:
    """A key that nothing reads is told by name, wherever it stands."""
    refusal = helm.refusal(values)

    assert place in refusal
    assert "additional" in refusal.lower()


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"api": {"replicas": "two"}}, "replicas"),
        ({"api": {"replicas": -1}}, "replicas"),
        ({"worker": {"drainTimeout": 35}}, "drainTimeout"),
        ({"worker": {"drainTimeout": "35 s"}}, "drainTimeout"),
        ({"queue": {"resultFullTTL": "48h"}}, "resultFullTTL"),
        ({"worker": {"autoscaling": {"mode": "cpu"}}}, "mode"),
        ({"logLevel": "LOUD"}, "logLevel"),
        ({"egress": {"allow": "10.0.0.0/8"}}, "allow"),
        ({"redis": {"enabled": "no"}}, "enabled"),
        ({"redis": {"persistence": {"size": "much"}}}, "size"),
        ({"redis": {"maxmemoryPercent": 100}}, "maxmemoryPercent"),
        ({"telemetry": {"endpoint": "collector:4318"}}, "endpoint"),
        ({"telemetry": {"traceUrlTemplate": "https://jaeger/"}}, "traceUrlTemplate"),
        ({"queue": {"name": "{tasks}"}}, "name"),
        ({"api": {"image": None}}, "image"),
        ({"api": {"service": {"port": 70000}}}, "port"),
        ({"api": {"probes": {"startup": {"periodSeconds": 0}}}}, "periodSeconds"),
        ({"ingress": {"hosts": [{"host": "a", "paths": ["api"]}]}}, "paths"),
        ({"networkPolicy": {"clusterCIDRs": ["10.0.0.1"]}}, "clusterCIDRs"),
        ({"externalRedis": {"sentinel": {"addresses": ["s"]}}}, "externalRedis/sentinel/addresses"),
        ({"externalRedis": {"sentinel": {"addresses": ["s:1:2"]}}}, "sentinel/addresses"),
        ({"externalRedis": {"host": "redis.example.com:6379"}}, "externalRedis/host"),
        ({"externalRedis": {"host": "[fd00::1]"}}, "externalRedis/host"),
        ({"worker": {"requestTimeout": "0s"}}, "requestTimeout"),
        ({"queue": {"retryInterval": "0m0.0s"}}, "retryInterval"),
        ({"queue": {"resultMaxBytes": "1.2.3"}}, "resultMaxBytes"),
        ({"queue": {"resultFullMaxBytes": "64Mi"}}, "resultFullMaxBytes"),
        ({"queue": {"deadMaxBytes": "0MiB"}}, "deadMaxBytes"),
        ({"api": {"maxBody": "0"}}, "maxBody"),
        ({"egress": {"deny": ["https://example.com"]}}, "deny"),
        ({"global": {"imageRegistry": "https://mirror.example.com"}}, "imageRegistry"),
        ({"api": {"image": {"tag": ""}}}, "tag"),
        ({"worker": {"image": {"digest": "abc"}}}, "digest"),
        ({"redis": {"image": {"tag": ""}}}, "tag"),
        ({"ingress": {"host": "https://q.example.com"}}, "ingress/host"),
        ({"ingress": {"hosts": [{"host": "https://q.example.com"}]}}, "ingress/hosts"),
        ({"httpRoute": {"hostnames": ["q.example.com:443"]}}, "hostnames"),
        ({"dashboard": {"host": "Q.example.com"}}, "dashboard/host"),
        ({"fullnameOverride": "Upper_Case"}, "fullnameOverride"),
        ({"redis": {"fullnameOverride": "1redis"}}, "fullnameOverride"),
        ({"metrics": {"serviceMonitor": {"interval": "1.5s"}}}, "interval"),
    ],
)
def test_a_wrong_value_is_refused(helm: Helm, values: dict[str, Any], place: str) -> None:
    """A value of a wrong type or outside of what is allowed is told by its place."""
    assert place in helm.refusal(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"externalRedis": {"host": "db"}}, "there can be one Redis"),
        ({"redis": {"enabled": False}}, "There is no Redis"),
        ({**EXTERNAL, "externalRedis": {"host": "db.example.com"}}, "externalRedis.to is needed"),
        ({**EXTERNAL, "externalRedis": {"host": "db", "tls": {"caSecret": "ca"}}}, "encrypted"),
        ({**EXTERNAL, "externalRedis": {"host": "db", "username": "u"}}, "needs its password"),
        (
            {**EXTERNAL, "externalRedis": {"host": "db", "sentinel": {"addresses": ["s:1"]}}},
            "the Sentinels name the host",
        ),
        (
            {
                "redis": {"enabled": False},
                "externalRedis": {"sentinel": {"addresses": ["s:1"], "username": "u"}},
            },
            "externalRedis.sentinel.existingSecret",
        ),
        ({"externalRedis": {"sentinel": {"addresses": ["s:1"]}}}, "there can be one Redis"),
        ({"queue": {"name": "mails"}}, "redis.queueName is tasks while queue.name is mails"),
        ({"queue": {"durability": "replicated"}}, "needs an external Redis with a replica"),
        ({"worker": {"autoscaling": {"mode": "hpa", "minReplicas": 0}}}, "needs KEDA"),
        (
            {"worker": {"autoscaling": {"mode": "hpa", "minReplicas": 9, "maxReplicas": 2}}},
            "is above worker.autoscaling.maxReplicas",
        ),
        (
            {"jaeger": {"enabled": True}, "telemetry": {"endpoint": "http://c:4318"}},
            "leave telemetry.endpoint empty",
        ),
        ({"ingress": {"enabled": True, "tlsSecret": "t"}}, "needs ingress.host"),
        (
            {"ingress": {"host": "a", "hosts": [{"host": "b"}]}},
            "ingress.hosts is set beside ingress.host",
        ),
        (
            {
                "ingress": {"enabled": True},
                "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
            },
            "one way in from outside",
        ),
        ({"httpRoute": {"enabled": True}}, "needs httpRoute.parentRefs"),
        (
            {"api": {"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 2}}},
            "is above api.autoscaling.maxReplicas",
        ),
        ({"redis": {"resources": {"limits": {"memory": None}}}}, "redis.resources.limits.memory"),
        (
            {"metrics": {"serviceMonitor": {"interval": "1m", "scrapeTimeout": "90s"}}},
            "scrapeTimeout is above",
        ),
        ({"queue": {"resultFullTTL": "25h"}}, "above 24h"),
        ({"egress": {"allow": ["10.0.0.1/8"]}}, "egress.allow: 10.0.0.1/8 is no network"),
        ({"egress": {"deny": ["10.0.0.0/33"]}}, "egress.deny: 10.0.0.0/33 is no network"),
        ({"egress": {"deny": ["10.0.0.256"]}}, "egress.deny: 10.0.0.256 is no network"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    helm: Helm, values: dict[str, Any], sentence: str
) -> None:
    """Values that are right each by itself but not together are refused, and it is told why."""
    assert sentence in helm.refusal(values)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"worker": {"autoscaling": {"mode": "keda"}}}, "install KEDA first"),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, "install Prometheus Operator first"),
        ({"metrics": {"prometheusRule": {"enabled": True}}}, "install Prometheus Operator first"),
        (
            {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}},
            "install the Gateway API first",
        ),
    ],
    ids=["keda", "monitor", "rule", "gateway"],
)
def test_what_the_cluster_lacks_is_named(helm: Helm, values: dict[str, Any], missing: str) -> None:
    """An object whose kind the cluster does not know is refused with what to install."""
    assert missing in helm.refusal(values, apis=("v1/Secret",))


def test_every_mistake_is_told_at_once(helm: Helm) -> None:
    """Two errors make two sentences, so one try shows both."""
    values = {"redis": {"enabled": False}, "ingress": {"enabled": True, "tlsSecret": "t"}}
    refusal = helm.refusal(values)

    assert "There is no Redis" in refusal
    assert "needs ingress.host" in refusal
