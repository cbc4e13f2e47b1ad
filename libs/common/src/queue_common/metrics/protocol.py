"""HTTP on METRICS_PORT: uvicorn's protocol on h11, with limits on time and connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

__all__ = ["MetricsProtocol"]

MAX_CONNECTIONS = 64
"""Prometheus, an autoscaler and probes need a few."""


class MetricsProtocol(H11Protocol):
    """Closes a connection without a complete request in time, and those over the limit."""

    def __init__(self, request_seconds: float, **named: Any) -> None:  # noqa: ANN401
        super().__init__(**named)
        self._request_seconds = request_seconds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless too many connections are open."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._arm()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self._request_seconds, self._close_if_waiting)

    def _close_if_waiting(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            self.transport.close()
