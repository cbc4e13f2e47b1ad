"""Maps the HTTP client's errors to outcomes."""

from __future__ import annotations

from queue_common.signing import UnreadableSecretError
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

# The first match decides: subclasses come before their base classes.
_TABLE: tuple[tuple[type[BaseException], Outcome], ...] = (
    (EgressRefusedError, Outcome.EGRESS_REFUSED),
    (ResolveError, Outcome.DNS_ERROR),
    (TlsError, Outcome.TLS_ERROR),
    (TimeoutError, Outcome.TIMEOUT),
    (ConnectError, Outcome.CONNECT_ERROR),
    (ConnectionLostError, Outcome.CONNECTION_LOST),
    (ProtocolError, Outcome.PROTOCOL_ERROR),
    (UnreadableSecretError, Outcome.WORKER_ERROR),
)


def outcome_of(error: BaseException) -> Outcome | None:
    """Return the outcome of an attempt that raised ``error``.

    None if the error is not a failure of the delivery but our own.
    """
    return next((outcome for kind, outcome in _TABLE if isinstance(error, kind)), None)
