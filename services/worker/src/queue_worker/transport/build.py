"""Builds the HTTP client from settings."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from queue_common.egress import EgressGuard

from .dialing.dialer import Dialer
from .dialing.proxy import Proxies, Proxy
from .dialing.resolver import Resolver, ignore_failure
from .http_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from queue_common.settings import RedisSettings

    from .settings import DeliverySettings

__all__ = ["build_guard", "build_http_client", "build_tls"]


def build_http_client(
    settings: DeliverySettings,
    redis: RedisSettings,
    *,
    max_open: int,
    redis_servers: Collection[tuple[str, int]] = (),
    count_dns_failure: Callable[[str], None] = ignore_failure,
) -> HttpClient:
    """Return the HTTP client, with the egress guard.

    ``max_open`` limits the open connections, in use and kept. ``redis_servers`` are found while the
    process runs; like ``redis``, they are never delivered to.
    """
    resolver = Resolver(
        timeout_seconds=settings.worker_dns_timeout.total_seconds(),
        count_failure=count_dns_failure,
    )
    guard = build_guard(settings, redis, redis_servers)
    tls = build_tls(settings.worker_ca_file)
    proxies = None
    if settings.proxies:
        read = {scheme: Proxy.read(url) for scheme, url in settings.proxies.items()}
        proxies = Proxies(read, settings.no_proxy, Dialer(resolver, None), guard, tls)
    return HttpClient(Dialer(resolver, guard), tls, max_open=max_open, proxies=proxies)


def build_tls(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system's CAs, and those in ``ca_file``.

    Certificates are read once. A certificate is valid for the names that it lists (RFC 9525), not
    for its common name. SSLKEYLOGFILE is ignored, so the keys of deliveries are not written.
    """
    context = ssl.create_default_context()
    context.hostname_checks_common_name = False
    context.keylog_filename = None  # type: ignore[assignment]
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def build_guard(
    settings: DeliverySettings, redis: RedisSettings,
    redis_servers: Collection[tuple[str, int]] = (),
) -> EgressGuard:  # fmt: skip
    """Return the guard that the settings describe."""
    return EgressGuard.from_settings(
        allow=settings.egress_allow,
        deny=settings.egress_deny,
        protected=_own_infrastructure(settings, redis),
        found=redis_servers,
    )


def _own_infrastructure(
    settings: DeliverySettings, redis: RedisSettings
) -> Iterator[tuple[str, int]]:
    yield from redis.addresses()
    if settings.kubernetes_service_host is not None:
        yield settings.kubernetes_service_host, settings.kubernetes_service_port
