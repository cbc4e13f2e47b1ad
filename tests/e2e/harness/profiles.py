"""The installations that are tested: values files, and what they need beforehand."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .external_redis import start_external_redis

if TYPE_CHECKING:
    from .cluster import Namespace

__all__ = ["PROFILES", "Profile"]

FOLDER = Path(__file__).parents[1] / "profiles"


async def _nothing(_: Namespace) -> None:
    """Prepare nothing."""


async def _choose_secrets(namespace: Namespace) -> None:
    await namespace.secret("redis-password", {"password": secrets.token_urlsafe(24)})
    key, signing = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    sealing = {"encryption-keys": f"first:{key}", "signing-secrets": f"whsec_{signing}"}
    await namespace.secret("sealing", sealing)


@dataclass(frozen=True, slots=True)
class Profile:
    """One installation."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of its namespace."""
    prepare: Callable[[Namespace], Awaitable[None]] = _nothing

    @property
    def values(self) -> tuple[Path, ...]:
        return (FOLDER / "common.yaml", FOLDER / f"{self.name}.yaml")


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("default"),
        Profile("external-redis-tls", prepare=start_external_redis),
        Profile(
            "hardened",
            labels={"pod-security.kubernetes.io/enforce": "restricted"},
            prepare=_choose_secrets,
        ),
    )
}
