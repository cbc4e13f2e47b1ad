"""The HTTP client under the deliveries.

A request's way: ``request`` writes it, ``pool`` finds a kept connection or ``resolve`` and ``dial``
make one through the egress guard, as far as ``address_health`` admits it, or ``proxy`` through a
proxy, ``connection`` reads the answer; ``native`` holds them together.
"""

from .build import build_http_client
from .dialing.dialer import Dialer
from .dialing.resolver import Resolver
from .errors import (
    AddressBusyError,
    EgressRefusedError,
    Progress,
    ResolveError,
    TlsError,
    UnsendableRequestError,
)
from .http_client import HttpClient
from .messages import Client, Request, Response
from .settings import DeliverySettings, Propagate

__all__ = [
    "AddressBusyError",
    "Client",
    "DeliverySettings",
    "Dialer",
    "EgressRefusedError",
    "HttpClient",
    "Progress",
    "Propagate",
    "Request",
    "ResolveError",
    "Resolver",
    "Response",
    "TlsError",
    "UnsendableRequestError",
    "build_http_client",
]
