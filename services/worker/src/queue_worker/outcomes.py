"""From what the transport raised to the outcome of an attempt: one table."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import httpx

from queue_common.task import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["outcome_of"]

_TABLE: tuple[tuple[type[BaseException], Outcome], ...] = (
    (httpx.ConnectError, Outcome.CONNECT_ERROR),
    (httpx.NetworkError, Outcome.CONNECTION_LOST),
    (httpx.HTTPError, Outcome.PROTOCOL_ERROR),
    (httpx.InvalidURL, Outcome.PROTOCOL_ERROR),
    # A name that IDNA cannot encode.
    (UnicodeError, Outcome.DNS_ERROR),
    (OSError, Outcome.CONNECT_ERROR),
)
_TIMEOUTS = (TimeoutError, httpx.TimeoutException)
_HUNG_UP = "Server disconnected"
"""How httpcore's message begins where the connection ended before an answer began."""


def outcome_of(error: BaseException) -> Outcome | None:
    """Return what an attempt that raised ``error`` came to.

    None for what is no failure of the delivery but a fault of our own.
    """
    if isinstance(error, _TIMEOUTS):
        return Outcome.TIMEOUT
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return Outcome.DNS_ERROR
    if _is_tls(error):
        return Outcome.TLS_ERROR
    if isinstance(error, httpx.RemoteProtocolError) and str(error).startswith(_HUNG_UP):
        return Outcome.CONNECTION_LOST
    return next((outcome for kind, outcome in _TABLE if isinstance(error, kind)), None)


def _is_tls(error: BaseException) -> bool:
    # A read over TLS that had to wait stands in the chain of whatever ended the wait: no failure.
    waits = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    causes = list(_causes(error))
    return any(isinstance(c, ssl.SSLError) and not isinstance(c, waits) for c in causes)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
