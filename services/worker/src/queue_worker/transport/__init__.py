"""The HTTP client for deliveries.

``http_client`` combines the parts: ``request`` encodes a request, ``pool`` keeps connections,
``dialing`` opens new ones, ``connection`` sends the request and ``response_reader`` reads the
response.
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
