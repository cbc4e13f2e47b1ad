"""The HTTP client under the deliveries.

A request's way: ``request`` writes it, ``pool`` finds a kept connection or ``resolve`` and ``dial``
make one through the egress guard, as far as ``address_health`` admits it, or ``proxy`` through a
proxy, ``connection`` reads the answer; ``native`` holds them together.
"""

from .build import build_transport
from .dial import Dialer
from .errors import (
    AddressBusyError,
    EgressRefusedError,
    Progress,
    ResolveError,
    TlsError,
    UnsendableRequestError,
)
from .http_client import Transport
from .messages import Client, Request, Response
from .resolve import Resolver
from .settings import DeliverySettings, Propagate

__all__ = [
    "AddressBusyError",
    "Client",
    "DeliverySettings",
    "Dialer",
    "EgressRefusedError",
    "Progress",
    "Propagate",
    "Request",
    "ResolveError",
    "Resolver",
    "Response",
    "TlsError",
    "Transport",
    "UnsendableRequestError",
    "build_transport",
]
