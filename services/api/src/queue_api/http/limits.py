"""uvicorn's HTTP/1.1 protocol, with limits on size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from . import refusals
from .buffering import BufferingProtocol
from .lingering_close import LingeringClose

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from .refusals import Refusal
    from .shared import SharedLimits

__all__ = ["LimitedProtocol"]

_GRACE_CONNECTIONS = 32
"""So many connections over the limit get a response; further ones are closed without one."""


class LimitedProtocol(BufferingProtocol):
    """uvicorn's protocol for a connection, one request at a time.

    A connection is in one of these states. The table shows where its bytes are and what ends it:

    ========== =============================  ==============================================
    idle       there are none                 the keep-alive time; API_HEAD_TIMEOUT if new
    head       the parser                     API_HEAD_TIMEOUT, API_MAX_HEAD
    body       the request's cycle            API_BODY_TIMEOUT, API_MAX_BUFFERED
    responding ``_pipelined``, not parsed     the response; the keep-alive time if it is not read
    closing    dropped                        the client's end, or ``LingeringClose``
    ========== =============================  ==============================================

    The next request is parsed after the response to this one, so an error in it is reported after
    that response.
    """

    def __init__(self, shared: SharedLimits, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._pipelined = b""
        self._eof = False
        super().__init__(shared, *args, **named)

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start reading, unless too many connections are open."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        surplus = len(self.connections) - self._limits.max_connections
        if surplus > _GRACE_CONNECTIONS:
            self._shared.count_refusal(refusals.CONNECTIONS.reason)
            transport.abort()
        elif surplus > 0:
            self._refuse(refusals.CONNECTIONS)
        else:
            self._arm_timer()

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the client."""
        self._idle_since = None
        if self._closing is not None:
            self._closing.drop(data)
        elif self._pipelined:
            self._hold_pipelined(data)  # sent before reading was paused
        elif not self.transport.is_closing():
            self._read(data)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's closes at once
        """Close after the last response: a client may close its half of the connection first.

        Returns whether the connection stays open for that.
        """
        self._eof = self._closing is None and self._is_busy()
        if self._eof and not self._pipelined:
            self.cycle.keep_alive = False
        return self._eof

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's resources."""
        super().connection_lost(exc)
        self._release()
        self._unset_keepalive_if_required()
        if self._closing is not None:
            self._closing.cancel()

    # Reading

    def _read(self, data: bytes) -> None:
        """Parse up to the end of a request. Bytes after it wait for its response."""
        view, at = memoryview(data), 0
        while at < len(data) and not self._is_ending():
            if self._is_busy():
                self._hold_pipelined(data[at:])
                return
            end = self._piece_end(data, at, self._limits.max_head_bytes - self._head_bytes + 1)
            self._parse(view[at:end])
            at = end
        self._arm_timer()

    def _is_busy(self) -> bool:
        """Whether a complete request has no complete response yet."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete and not self._in_message

    def _is_ending(self) -> bool:
        return self._closing is not None or self.transport.is_closing()

    def _parse(self, piece: memoryview) -> None:
        if self._in_body:
            self._count_body(len(piece))
        elif not self._count_head(piece):
            self._refuse(refusals.HEAD)
            return
        self._feed(piece)
        has_long_trailers = self._unframed_bytes > self._limits.max_head_bytes
        if self._in_body and has_long_trailers and not self._is_ending():
            self._refuse(refusals.TRAILERS)

    def _count_body(self, size: int) -> None:
        self._body_bytes += size
        self._track_body(size)
        if not self.cycle.response_started:  # else it is dropped
            self._count_buffered(size)

    def _count_head(self, piece: memoryview) -> bool:
        """Count bytes of a head; return whether it is within its limit."""
        if not self._head_bytes:
            self._state_began_at = self.loop.time()
        self._track_head(piece)
        self._count_buffered(len(piece))
        return self._head_bytes <= self._limits.max_head_bytes

    def _on_body_begin(self) -> None:
        super()._on_body_begin()
        self._body_bytes = 0
        self._state_began_at = self.loop.time()

    def _end_message(self) -> None:
        super()._end_message()
        if self.cycle.response_complete:
            self._become_idle()

    def on_response_complete(self) -> None:
        """Continue with the bytes that wait behind the request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._closing is not None:
            self._closing.begin(b"")
            return
        self.flow.resume_reading()
        self._become_idle()
        self._resume()

    # Waiting for a response

    def _hold_pipelined(self, data: bytes) -> None:
        """Keep bytes until the response to the request before them is sent."""
        self._pipelined += data
        self.flow.pause_reading()
        self._count_buffered(len(data))
        if len(self._pipelined) > self._limits.max_pipelined_bytes:
            self._shared.count_refusal(refusals.PIPELINED.reason)
            self._close_after_response()

    def _close_after_response(self) -> None:
        """Stop parsing, and close after the response to the current request.

        uvicorn would close at once, with bytes unread, and the reset may overtake the response.
        """
        self._pipelined = b""
        self.cycle.keep_alive = True
        self._begin_closing()

    def _resume(self) -> None:
        data, self._pipelined = self._pipelined, b""
        if data:
            self._idle_since = None
            self._read(data)
        if self._eof and not self._is_busy():
            self.transport.close()

    def _become_idle(self) -> None:
        """Enter the idle state."""
        self._is_new = False
        self._stream = None
        self._release()
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._arm_timer()

    # Refusing

    def refuse_buffered(self) -> None:
        """Refuse the request itself if the application has not used a part of it."""
        is_too_large = self._shared.buffered.is_too_large(self)
        refusal = refusals.TOO_LARGE if is_too_large else refusals.BUFFERED
        if not self._refuse_rest(refusal):
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        """Respond to the incomplete request, without the application, and close.

        If its response has begun already, only close. If the application has used a part of the
        body, close after its response.
        """
        if self._refuse_rest(refusal):
            self._in_message = self._in_body = False
            self._close_after_response()
            return
        self._shared.count_refusal(refusal.reason)
        self._release()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is not None and cycle.response_started and self._in_body:
            self.transport.close()
            return
        self._begin_closing().begin(refusal.response())

    def _begin_closing(self) -> LingeringClose:
        self._closing = LingeringClose(self.transport)
        self.flow.resume_reading()
        return self._closing
