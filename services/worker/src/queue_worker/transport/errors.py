"""Errors of requests; ``attempt.outcomes`` maps them to outcomes."""

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
    """The connection to the destination or its proxy failed."""


class ResolveError(ConnectError):
    """The destination's name has no address."""


class TlsError(ConnectError):
    """TLS with the destination failed: its certificate, its name, or the protocol."""


class EgressRefusedError(ConnectError):
    """The egress guard refuses the destination's address."""


class AddressBusyError(Exception):
    """The address hangs and has enough attempts already: no attempt was made."""


class ConnectionLostError(TransportError):
    """The connection ended before the response did."""


class ProtocolError(TransportError):
    """The response is not HTTP/1.1, or exceeds a limit."""


class InvalidUrlError(ProtocolError):
    """The URL is not http or https, or not a URL."""


class UnsendableRequestError(ProtocolError):
    """The request cannot be written as HTTP/1.1."""


class Progress(Protocol):
    """The current phase of a request. After a timeout it shows where the time ran out."""

    phase: str
    """``resolve``, ``connect``, ``tls``, ``send`` or ``answer``."""
    address: str | None
    """``address:port`` of the connection that the request is sent over."""
    first_byte_at: float
    """When the first byte of the answer came, by ``perf_counter``."""


def tls_reason(error: BaseException) -> str:
    """Return a short reason why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or "the destination closed the connection"
