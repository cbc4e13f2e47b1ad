"""From what a transport raised to the outcome of an attempt."""

from __future__ import annotations

from queue_common.task import Outcome

from ..transport.errors import (
    ConnectError,
    ConnectionLostError,
    EgressRefusedError,
    ProtocolError,
    ResolveError,
    TlsError,
)

__all__ = ["outcome_of"]

# The first line that fits decides: particular failures stand above what they are a kind of.
_TABLE: tuple[tuple[type[BaseException], Outcome], ...] = (
    (EgressRefusedError, Outcome.EGRESS_REFUSED),
    (ResolveError, Outcome.DNS_ERROR),
    (TlsError, Outcome.TLS_ERROR),
    (TimeoutError, Outcome.TIMEOUT),
    (ConnectError, Outcome.CONNECT_ERROR),
    (ConnectionLostError, Outcome.CONNECTION_LOST),
    (ProtocolError, Outcome.PROTOCOL_ERROR),
)


def outcome_of(error: BaseException) -> Outcome | None:
    """Return what an attempt that raised ``error`` came to.

    None for what is no failure of the delivery but a fault of our own.
    """
    return next((outcome for kind, outcome in _TABLE if isinstance(error, kind)), None)
