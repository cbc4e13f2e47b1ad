"""A Redis that is not the chart's: TLS alone, a user of its own, a private CA."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from .cluster import Namespace

__all__ = ["start_external_redis"]

MANIFEST = Path(__file__).parents[1] / "profiles" / "external-redis.yaml"
USER = "queue"


async def start_external_redis(namespace: Namespace) -> None:
    """Run it, with the Secrets that the chart is told of: ``redis-ca``, ``redis-user``."""
    authority = trustme.CA()
    server = authority.issue_cert("redis", f"redis.{namespace.name}.svc.cluster.local")
    password = secrets.token_urlsafe(24)
    await namespace.secret("redis-ca", {"ca.crt": authority.cert_pem.bytes().decode()})
    await namespace.secret("redis-user", {"username": USER, "password": password})
    await namespace.secret(
        "redis-server",
        {
            "tls.key": server.private_key_pem.bytes().decode(),
            "tls.crt": "".join(blob.bytes().decode() for blob in server.cert_chain_pems),
            "users.acl": f"user default off ~* &* +@all\nuser {USER} on >{password} ~* &* +@all\n",
        },
    )
    await namespace.apply(MANIFEST.read_text())
    await namespace.kubectl("rollout", "status", "deployment/redis", "--timeout=120s")
