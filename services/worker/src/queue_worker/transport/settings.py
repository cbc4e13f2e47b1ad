"""Network settings of deliveries."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from queue_common.egress import EgressSettings
from queue_common.settings import Duration

from .dialing.proxy import Proxy

__all__ = ["DeliverySettings", "Propagate"]

Propagate = Literal["internal", "all", "none"]


def _check_ca_file(path: Path) -> None:
    if not path.is_file():
        msg = f"WORKER_CA_FILE: no file at {path}"
        raise ValueError(msg)
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        msg = f"WORKER_CA_FILE: no certificate in {path}: {error}"
        raise ValueError(msg) from error


def _check_proxies(proxies: dict[str, str], *, trusted: bool) -> None:
    # Values are not shown: they may hold a password.
    for scheme, url in proxies.items():
        name = f"{scheme.upper()}_PROXY"
        try:
            Proxy.read(url)
        except ValueError as error:
            msg = f"{name}: {error}"
            raise ValueError(msg) from None
        if not trusted:
            msg = (
                f"{name}: the egress guard cannot see what a proxy connects to; if the proxy "
                "refuses internal addresses itself, set EGRESS_TRUST_PROXY=true"
            )
            raise ValueError(msg)


class DeliverySettings(EgressSettings):
    """Settings of the HTTP client and the egress guard."""

    worker_ca_file: Path | None = None
    """A PEM file with additional CAs for destinations' certificates."""
    worker_dns_timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=5)
    """Time limit for looking up a destination's name; part of WORKER_REQUEST_TIMEOUT."""
    propagate: Propagate = "internal"
    """Destinations that get the client's ``tracestate`` and ``baggage`` besides ``traceparent``:
    ``internal``: those that EGRESS_ALLOW lists; ``all``; ``none``: they get no ``traceparent``
    either."""
    http_proxy: SecretStr | None = None
    """``http[s]://[user:password@]host:port``: the proxy for http URLs; it must allow CONNECT."""
    https_proxy: SecretStr | None = None
    """The proxy for https URLs."""
    no_proxy: str = ""
    """Hosts and suffixes that are connected to directly, separated by commas."""
    egress_trust_proxy: bool = False
    """``true``: the proxies refuse internal addresses, which the guard cannot check for them."""
    kubernetes_service_host: str | None = None
    """The Kubernetes API server, which is never delivered to. Set by Kubernetes."""
    kubernetes_service_port: int = 443
    """Set by Kubernetes."""

    @property
    def proxies(self) -> dict[str, str]:
        """The proxies by scheme, with their secrets."""
        pairs = {"http": self.http_proxy, "https": self.https_proxy}
        return {scheme: url.get_secret_value() for scheme, url in pairs.items() if url is not None}

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.worker_ca_file is not None:
            _check_ca_file(self.worker_ca_file)
        _check_proxies(self.proxies, trusted=self.egress_trust_proxy)
        return self
