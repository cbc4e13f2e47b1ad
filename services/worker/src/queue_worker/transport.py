"""The HTTP client under the deliveries."""

from __future__ import annotations

import httpx

__all__ = ["open_transport"]

IDLE_SECONDS = 30.0


def open_transport(max_in_flight: int) -> httpx.AsyncBaseTransport:
    """Return a transport that keeps connections alive and follows no redirects."""
    limits = httpx.Limits(
        max_connections=None, max_keepalive_connections=max_in_flight, keepalive_expiry=IDLE_SECONDS
    )
    return httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
