from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .helm import Helm, Rendering


def config(rendering: Rendering) -> list[str]:
    text: str = rendering.one("ConfigMap", "-redis")["data"]["redis.conf"]
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_every_write_is_on_disk_before_its_reply(helm: Helm) -> None:
    """The append-only file is written for each command, and a full Redis forgets nothing."""
    lines = config(helm.render())

    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(lines)


@pytest.mark.parametrize(
    ("limit", "percent", "maxmemory"),
    [
        ("1Gi", 75, 805306368),
        ("512Mi", 50, 268435456),
        ("1.5Gi", 75, 1207959552),
        ("2G", 75, 1500000000),
        ("1000000", 90, 900000),
    ],
)
def test_maxmemory_comes_from_the_limit(
    helm: Helm, limit: str, percent: int, maxmemory: int
) -> None:
    """Redis refuses tasks before the kernel kills it, whatever the limit's unit."""
    resources = {"limits": {"memory": limit}}
    values = {"redis": {"resources": resources, "maxmemoryPercent": percent}}

    assert f"maxmemory {maxmemory}" in config(helm.render(values))


def test_further_lines_reach_the_configuration(helm: Helm) -> None:
    """redis.extraConfig is part of redis.conf."""
    assert "hz 50" in config(helm.render({"redis": {"extraConfig": {"hz": "50"}}}))


def test_data_outlives_the_pod(helm: Helm) -> None:
    """Redis writes to a volume that is claimed, of the size and class asked for."""
    values = {"redis": {"persistence": {"size": "3Gi", "storageClass": "fast"}}}
    stateful = helm.render(values).one("StatefulSet")
    (claim,) = stateful["spec"]["volumeClaimTemplates"]

    assert claim["spec"]["resources"]["requests"]["storage"] == "3Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    assert stateful["spec"]["replicas"] == 1


def test_a_drain_asks_before_it_takes_redis(helm: Helm) -> None:
    """By default no drain evicts the only Redis; that can be allowed."""
    allowed = {"redis": {"podDisruptionBudget": {"maxUnavailable": 1}}}

    assert helm.render().one("PodDisruptionBudget", "-redis")["spec"]["maxUnavailable"] == 0
    budget = helm.render(allowed).one("PodDisruptionBudget", "-redis")
    assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("response", "alive", "ready"),
    [
        ("PONG", 0, 0),
        ("LOADING Redis is loading the dataset in memory", 0, 1),
        ("BUSY Redis is busy running a script.", 0, 1),
        ("Could not connect to Redis at 127.0.0.1:6379: Connection refused", 1, 1),
        ("NOAUTH Authentication required.", 1, 1),
    ],
    ids=["serving", "loading", "busy", "away", "unknown"],
)
def test_probes_wait_for_loading(
    helm: Helm, tmp_path: Path, response: str, alive: int, ready: int
) -> None:
    """A Redis that reads its data from disk is alive but not ready: a restart would not help."""
    (tmp_path / "redis-cli").write_text(f"#!/bin/sh\necho '{response}'\n")
    (tmp_path / "redis-cli").chmod(0o755)
    rendering = helm.render()
    for name, text in rendering.one("ConfigMap", "-redis")["data"].items():
        here = text.replace("/etc/redis/", f"{tmp_path}/").replace("/run/redis/", f"{tmp_path}/")
        (tmp_path / name).write_text(here)
    (tmp_path / "admin").write_text("password")
    container = rendering.container("redis")
    codes = []
    for probe in ("livenessProbe", "readinessProbe"):
        argument = container[probe]["exec"]["command"][-1]
        done = subprocess.run(
            ["/bin/sh", str(tmp_path / "probe.sh"), argument],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False, capture_output=True,
        )  # fmt: skip
        codes.append(done.returncode)

    assert codes == [alive, ready]


def test_all_use_one_generated_password(helm: Helm) -> None:
    """One Secret is made, and Redis, api and worker read the password in it."""
    rendering = helm.render()
    reference = {"name": "demo-redis", "key": "password"}

    assert rendering.one("Secret", "-redis")["metadata"]["name"] == reference["name"]
    for component in ("api", "worker", "redis"):
        env = {e["name"]: e for e in rendering.container(component)["env"]}
        assert env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"] == reference


def test_a_secret_of_ones_own_is_used(helm: Helm) -> None:
    """With redis.auth.existingSecret the chart renders without a cluster, always the same."""
    values = {"redis": {"auth": {"existingSecret": "login", "existingSecretPasswordKey": "pw"}}}
    rendering = helm.render(values, apis=())

    assert "demo-redis" not in [s["metadata"]["name"] for s in rendering.all("Secret")]
    for component in ("api", "worker", "redis"):
        env = {e["name"]: e for e in rendering.container(component)["env"]}
        reference = env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": "login", "key": "pw"}


def test_redis_speaks_tls(helm: Helm) -> None:
    """With redis.tls.enabled there is no port without it, and both processes know its CA."""
    name = "redis-certificate"
    rendering = helm.render({"redis": {"tls": {"enabled": True, "existingSecret": name}}})

    assert {"port 0", "tls-port 6379"} <= set(config(rendering))
    for component in ("api", "worker"):
        variables = rendering.environment(component)
        assert variables["REDIS_TLS"] == "true"
        assert variables["REDIS_CA_FILE"] == "/etc/queue-system/redis-ca/ca.crt"
    for component in ("api", "worker", "redis"):
        volumes = rendering.pods()[component]["spec"]["volumes"]
        assert name in [v.get("secret", {}).get("secretName") for v in volumes]


def test_without_a_cluster_no_certificate_is_made_up(helm: Helm) -> None:
    """`helm template` cannot know which certificate is in use: it asks for a Secret by name."""
    redis = {"auth": {"existingSecret": "login"}, "tls": {"enabled": True}}

    assert "redis.tls.existingSecret" in helm.refusal({"redis": redis}, apis=())


def test_any_image_can_be_held_by_its_digest(helm: Helm) -> None:
    """A digest takes the tag's place, whichever image it is."""
    digest = f"sha256:{'0' * 64}"
    image = {"image": {"digest": digest}}
    parts = {
        "api": image,
        "worker": image,
        "redis": image,
        "jaeger": {"enabled": True, **image},
        "dashboard": {"enabled": True, **image},
    }
    rendering = helm.render(parts, {"tests": {"enabled": True}})

    images = {name: rendering.container(name)["image"] for name in rendering.pods()}
    assert set(images) == {"api", "worker", "redis", "jaeger", "secrets", "test", "dashboard"}
    assert [image for image in images.values() if not image.endswith(f"@{digest}")] == []
