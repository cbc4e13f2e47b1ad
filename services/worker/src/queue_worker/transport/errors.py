"""What can go wrong in a request; ``outcomes`` has the table from these to outcomes."""

from __future__ import annotations

import ssl
from typing import Protocol

__all__ = [
    "AddressBusyError",
    "ConnectError",
    "ConnectionLostError",
    "EgressRefusedError",
    "InvalidUrlError",
    "Progress",
    "ProtocolError",
    "ResolveError",
    "TlsError",
    "TransportError",
    "UnsendableRequestError",
    "tls_reason",
]


class TransportError(Exception):
    """A request failed; the message is one sentence for a person."""


class ConnectError(TransportError):
    """There is no connection to the destination, or to the proxy before it."""


class ResolveError(ConnectError):
    """The destination's name has no address."""


class TlsError(ConnectError):
    """TLS with the destination failed: its certificate, its name, or the protocol."""


class EgressRefusedError(ConnectError):
    """The destination is at an address that must not be delivered to."""


class AddressBusyError(Exception):
    """The address hangs and is tried as often as it may be: no attempt was made."""


class ConnectionLostError(TransportError):
    """The connection ended before the response did."""


class ProtocolError(TransportError):
    """The response is not HTTP/1.1, or beyond all bounds."""


class InvalidUrlError(ProtocolError):
    """The URL is not http or https, or not a URL."""


class UnsendableRequestError(ProtocolError):
    """The request has no form in HTTP/1.1."""


class Progress(Protocol):
    """Where a request stands. After a timeout it says in which phase the time ran out."""

    phase: str
    """``resolve``, ``connect``, ``tls``, ``send`` or ``answer``."""
    address: str | None
    """``address:port`` of the connection that the request is sent over."""
    first_byte_at: float
    """When the first byte of the answer came, by ``perf_counter``."""


def tls_reason(error: BaseException) -> str:
    """Say in a few words why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or "the destination closed the connection"
