"""Which bytes of a connection's request are in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..tasks.batch.body_stream import EXTENSION, BodyStream
from .timers import TimedProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from .refusals import Refusal
    from .shared import SharedLimits

__all__ = ["BufferingProtocol"]


class BufferingProtocol(TimedProtocol):
    """The timed protocol, which counts the bytes of its request in ``SharedLimits.buffered``."""

    def __init__(self, shared: SharedLimits, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._shared = shared
        self._is_buffered = False
        """The bytes of its request are counted."""
        self._stream: BodyStream | None = None
        """The body of the current request, if its head is read."""
        super().__init__(shared.values, *args, **named)

    def _on_body_begin(self) -> None:
        super()._on_body_begin()
        self._stream = BodyStream(self._shared.buffered, self)
        self.scope["extensions"] = {EXTENSION: self._stream}  # type: ignore[dict-item] # our own

    def _count_buffered(self, size: int) -> None:
        self._is_buffered = True
        self._shared.buffered.add(self, size)

    def _release(self) -> None:
        if self._is_buffered:
            self._is_buffered = False
            self._shared.buffered.release(self)

    def may_be_refused(self) -> bool:
        """Whether its request is still incomplete, and not refused already."""
        return not self._is_busy() and (self._stream is None or self._stream.refusal is None)

    def refuse_buffered(self) -> None:
        """Refuse the incomplete request, because the process has buffered too much."""
        raise NotImplementedError

    def _refuse_rest(self, refusal: Refusal) -> bool:
        """Have the application respond to a body that it has used in part; return whether it has.

        The rest is read and dropped, as many clients read the response only after sending.
        """
        stream, cycle = self._stream, cast("RequestResponseCycle | None", self.cycle)
        if stream is None or cycle is None or not stream.is_used or cycle.response_started:
            return False
        self._shared.count_refusal(refusal.reason)
        self._release()
        stream.refusal = stream.refusal or refusal
        cycle.message_event.set()
        return True
