"""Proxies: which requests go through one, and what of the egress guard holds then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from .resolve import numeric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..egress import EgressGuard
    from .dial import Dialer
    from .pool import Destination

__all__ = ["Proxies"]


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an installation that trusts them to refuse what must not be reached.

    They resolve and connect themselves, so only what is written in the URL can be judged here.
    """

    by_scheme: Mapping[str, httpx.Proxy]
    no_proxy: str
    dialer: Dialer
    """Reaches the proxies themselves, wherever they are."""
    guard: EgressGuard

    def bypassed(self, destination: Destination) -> bool:
        """Say whether NO_PROXY lists the destination: it is connected to directly, and guarded."""
        host = destination.host.rstrip(".")
        entries = (entry.strip().lower().lstrip("*") for entry in self.no_proxy.split(","))
        return (
            any(
                entry in {host, f"{host}:{destination.port}"}
                or f".{host}".endswith(f".{entry.lstrip('.')}")
                for entry in entries
                if entry
            )
            or self.no_proxy.strip() == "*"
        )

    def reason_against(self, destination: Destination) -> str | None:
        """Return why the proxy is not asked for the destination; None: it is."""
        reason = self.guard.reason_against_name(destination.host, destination.port)
        if reason is not None:
            return reason
        written = numeric(destination.host)
        if written is None:
            return None
        return self.guard.reason_against(destination.host, written[0][4][0])
