"""The HTTP client under the deliveries.

A request's way: ``request`` writes it, ``pool`` finds a kept connection or ``resolve`` and ``dial``
make one through the egress guard, ``connection`` reads the answer; ``native`` holds them together.
``over_httpx`` does the same with httpx's own transport, over the same dialer.
"""

from .build import build_transport
from .dial import Dialer
from .errors import EgressRefusedError, Progress, ResolveError, TlsError
from .exchange import Answer, Exchanging, Outgoing
from .native import Transport
from .request import build_request
from .resolve import Resolver
from .settings import DeliverySettings

__all__ = [
    "Answer",
    "DeliverySettings",
    "Dialer",
    "EgressRefusedError",
    "Exchanging",
    "Outgoing",
    "Progress",
    "ResolveError",
    "Resolver",
    "TlsError",
    "Transport",
    "build_request",
    "build_transport",
]
