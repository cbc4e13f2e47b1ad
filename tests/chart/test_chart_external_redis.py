from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .helm import Helm

EXTERNAL: dict[str, Any] = {
    "redis": {"enabled": False},
    "externalRedis": {"host": "db.example.com", "to": [{"ipBlock": {"cidr": "10.30.0.0/24"}}]},
}


def test_an_external_redis_is_set_in_parts(helm: Helm) -> None:
    """Host, port, database, user, password and TLS with its CA reach both processes."""
    tls = {"enabled": True, "caSecret": "ca", "caSecretKey": "root.pem"}
    external = {
        "port": 6380, "database": 2, "username": "queue", "existingSecret": "login", "tls": tls,
    }  # fmt: skip
    rendering = helm.render(EXTERNAL, {"externalRedis": external})
    for component in ("api", "worker"):
        variables = rendering.environment(component)
        env = {e["name"]: e for e in rendering.container(component)["env"]}
        volumes = {v["name"]: v for v in rendering.pods()[component]["spec"]["volumes"]}

        assert variables["REDIS_ADDR"] == "db.example.com:6380"
        assert variables["REDIS_DATABASE"] == "2"
        assert variables["REDIS_USERNAME"] == "queue"
        assert variables["REDIS_TLS"] == "true"
        assert variables["REDIS_CA_FILE"] == "/etc/queue-system/redis-ca/root.pem"
        assert volumes["redis-ca"]["secret"]["secretName"] == "ca"
        assert env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "login"


def test_sentinels_replace_the_address(helm: Helm) -> None:
    """Their addresses, user, password and TLS reach both processes, and no REDIS_ADDR does."""
    external = {
        "existingSecret": "login",
        "tls": {"caSecret": "ca"},
        "sentinel": {
            "addresses": ["a:26379", "b:26379"], "masterName": "queue", "username": "asker",
            "existingSecret": "sentinels", "existingSecretPasswordKey": "pw", "tls": True,
        },
    }  # fmt: skip
    rendering = helm.render({"redis": {"enabled": False}, "externalRedis": external})
    for component in ("api", "worker"):
        variables = rendering.environment(component)
        env = {e["name"]: e for e in rendering.container(component)["env"]}

        assert "REDIS_ADDR" not in variables
        assert variables["REDIS_SENTINELS"] == "a:26379,b:26379"
        assert variables["REDIS_MASTER_NAME"] == "queue"
        assert variables["REDIS_SENTINEL_USERNAME"] == "asker"
        assert variables["REDIS_SENTINEL_TLS"] == "true"
        assert variables["REDIS_CA_FILE"] == "/etc/queue-system/redis-ca/ca.crt"
        assert env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "login"
        reference = env["REDIS_SENTINEL_PASSWORD"]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": "sentinels", "key": "pw"}


def test_an_external_redis_replaces_the_charts_own(helm: Helm) -> None:
    """With redis.enabled=false there is no StatefulSet, no Secret and no claim."""
    rendering = helm.render(EXTERNAL)

    assert not rendering.all("StatefulSet")
    assert "demo-redis" not in [s["metadata"]["name"] for s in rendering.all("Secret")]
    assert not [o for o in rendering.objects if o["metadata"]["name"].endswith("-redis")]


def test_an_external_redis_may_have_an_ipv6_address(helm: Helm) -> None:
    """An IPv6 address stands in brackets, as REDIS_ADDR has it."""
    rendering = helm.render(EXTERNAL, {"externalRedis": {"host": "fd00::1"}})

    assert rendering.environment("api")["REDIS_ADDR"] == "[fd00::1]:6379"
