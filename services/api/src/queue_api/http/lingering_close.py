"""Closing the connection of a client that is still sending.

A connection that is closed with bytes unread is reset, and the reset may overtake the response: the
client would see a broken connection instead.
"""

from __future__ import annotations

import asyncio

__all__ = ["LingeringClose"]

CLOSE_SECONDS = 1.0
MAX_DROPPED_BYTES = 1 << 20


class LingeringClose:
    """The end of a connection. Further bytes are dropped.

    Ends if the client closes the connection, 1 s after the last response, or after 1 MiB.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the last response has been written."""
        return self._timer is not None

    def begin(self, response: bytes) -> None:
        """Write the last response, and close after 1 s."""
        self._transport.write(response)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(CLOSE_SECONDS, self._transport.close)

    def drop(self, data: bytes) -> None:
        """Drop bytes; close after 1 MiB."""
        self._dropped += len(data)
        if self._dropped > MAX_DROPPED_BYTES:
            if self.has_begun:
                self._transport.close()
            else:
                self._transport.pause_reading()

    def cancel(self) -> None:
        """Cancel the timer: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
