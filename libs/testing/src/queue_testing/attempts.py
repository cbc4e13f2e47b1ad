"""Makes attempts over the HTTP client alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from queue_common.egress import EgressGuard
from queue_common.task import Outcome
from queue_worker.attempt.outcomes import outcome_of
from queue_worker.transport import Dialer, HttpClient, Request, Resolver
from queue_worker.transport.build import build_tls
from queue_worker.transport.pool import IDLE_SECONDS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from queue_worker.transport import Client

__all__ = ["Result", "attempt", "open_transport"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an attempt."""

    outcome: Outcome
    status: int | None = None
    body: bytes = b""
    phase: str | None = None
    """The phase in which the time ran out."""
    error: str | None = None


def open_transport(
    *,
    guard: EgressGuard | None = None,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    max_open: int = 100,
    idle_seconds: float = IDLE_SECONDS,
) -> HttpClient:
    """Return an HTTP client. Without a guard it may connect to loopback."""
    guard = guard or EgressGuard.from_settings(allow="127.0.0.0/8, ::1")
    dialer = Dialer(resolver or Resolver(), guard)
    context = tls or build_tls(None)
    return HttpClient(dialer, context, max_open=max_open, idle_seconds=idle_seconds)


async def attempt(
    transport: Client,
    url: str,
    *,
    method: str = "POST",
    headers: Sequence[tuple[bytes, bytes]] = (),
    internal_headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes | None = b"{}",
    timeout_seconds: float = 5.0,
) -> Result:
    """Make one attempt, as a delivery does. Raises errors that are bugs of the client."""
    progress = _Progress()
    try:
        async with asyncio.timeout(timeout_seconds):
            request = Request(method, url, headers, body, progress, internal_headers)
            response = await transport.send(request)
    except Exception as error:
        outcome = outcome_of(error)
        if outcome is None:
            raise
        phase = progress.phase if outcome is Outcome.TIMEOUT else None
        return Result(outcome, phase=phase, error=str(error))
    delivered = 200 <= response.status_code < 300
    outcome = Outcome.DELIVERED if delivered else Outcome.HTTP_ERROR
    return Result(outcome, response.status_code, response.body)


class _Progress:
    phase = ""
    address: str | None = None
    first_byte_at = 0.0
