"""What can go wrong in a request, as httpx's exceptions told further apart."""

from __future__ import annotations

import ssl
from typing import Protocol

import httpx

__all__ = ["EgressRefusedError", "Progress", "ResolveError", "TlsError", "Unwatched", "tls_reason"]


class ResolveError(httpx.ConnectError):
    """The destination's name has no address."""


class TlsError(httpx.ConnectError):
    """TLS with the destination failed: its certificate, its name, or the protocol."""


class EgressRefusedError(httpx.ConnectError):
    """The destination is at an address that must not be delivered to."""


class Progress(Protocol):
    """Where a request stands; the caller puts one into ``request.extensions["progress"]``.

    After a timeout it says in which phase the time ran out.
    """

    phase: str
    """``resolve``, ``connect``, ``tls``, ``send`` or ``answer``."""


class Unwatched:
    """The progress of a request whose caller does not ask for it."""

    phase = ""


def tls_reason(error: BaseException) -> str:
    """Say in a few words why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or "the destination closed the connection"
