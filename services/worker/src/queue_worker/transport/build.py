"""From settings to the transport the worker delivers by."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from queue_common.egress import EgressGuard

from .dial import Dialer
from .native import Transport
from .proxy import Proxies, Proxy
from .resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from queue_common.settings import RedisSettings

    from .settings import DeliverySettings

__all__ = ["build_guard", "build_tls", "build_transport"]

REDIS_PORT = 6379


def build_transport(
    settings: DeliverySettings, redis: RedisSettings, *, most_open: int
) -> Transport:
    """Return the transport with the egress guard within it.

    ``most_open`` bounds kept connections, those in use included.
    """
    resolver = Resolver()
    guard = build_guard(settings, redis)
    tls = build_tls(settings.worker_ca_file)
    proxies = None
    if settings.proxies:
        read = {scheme: Proxy.read(url) for scheme, url in settings.proxies.items()}
        proxies = Proxies(read, settings.no_proxy, Dialer(resolver, None), guard, tls)
    return Transport(Dialer(resolver, guard), tls, most_open=most_open, proxies=proxies)


def build_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system's CAs, and those in ``ca_file``."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def build_guard(settings: DeliverySettings, redis: RedisSettings) -> EgressGuard:
    """Return the guard that the variables describe."""
    return EgressGuard.from_settings(
        allow=settings.egress_allow,
        deny=settings.egress_deny,
        protected=_own_ground(settings, redis),
    )


def _own_ground(settings: DeliverySettings, redis: RedisSettings) -> Iterator[tuple[str, int]]:
    server = urlsplit(redis.url())
    if server.hostname is not None:
        yield server.hostname, server.port or REDIS_PORT
    if settings.kubernetes_service_host is not None:
        yield settings.kubernetes_service_host, settings.kubernetes_service_port
