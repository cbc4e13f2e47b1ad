"""A request's body that its application uses part by part, instead of keeping it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive

    from ...http.refusals import Refusal
    from ...http.shared import BufferedBytes, Holder

__all__ = ["EXTENSION", "BodyStream"]

EXTENSION = "queue.body_stream"
"""The name under which the scope's extensions have it."""


class BodyStream:
    """What a connection and its application know of a body that is being read.

    The bytes of a request count until its response. An application that keeps few of them calls
    ``receive``, so that the others do not count any more. If it has acted on a part of the body, it
    sets ``is_used`` and responds even if the rest is refused: the client must learn what is done.
    """

    def __init__(self, buffered: BufferedBytes, holder: Holder) -> None:
        self._buffered = buffered
        self._holder = holder
        self._head_bytes = self._received = buffered.held_by(holder)
        self.is_used = False
        """The application has acted on a part of the body."""
        self.refusal: Refusal | None = None
        """The reason for which the rest of the body is not read."""

    async def receive(self, receive: Receive, kept_bytes: int) -> Message:
        """Return the next message; the application keeps ``kept_bytes`` of those before it."""
        kept = self._head_bytes + kept_bytes
        self._buffered.subtract(self._holder, self._received - kept)
        message = await receive()
        self._received = self._buffered.held_by(self._holder)
        return message
