"""Server-Sent Events, read as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .models.stats import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EventReader"]

MAX_LINE_BYTES = 1 << 20


class EventReader:
    """Makes events of bytes, and knows where to resume.

    Lines end at LF or CRLF alone: JSON may hold what Unicode calls line ends.
    """

    def __init__(self, last_event_id: str | None = None) -> None:
        self.last_event_id = last_event_id
        self.retry_seconds = 1.0
        """How long the server asks to wait before connecting again."""
        self._id = last_event_id
        self._data: list[bytes] = []
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[Event]:
        """Take bytes; yield the events that they end."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            msg = f"a line of the event stream is longer than {MAX_LINE_BYTES} bytes"
            raise msgspec.DecodeError(msg)
        for line in lines:
            if (event := self._take(line.removesuffix(b"\r"))) is not None:
                yield event

    def resume(self) -> None:
        """Forget an event that was cut off."""
        self._rest = b""
        self._data.clear()
        self._id = self.last_event_id

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode()
        elif name == b"retry" and value.isdigit():
            self.retry_seconds = int(value) / 1000
        return None

    def _end(self) -> Event | None:
        self.last_event_id = self._id
        if not self._data:
            return None
        event = msgspec.json.decode(b"\n".join(self._data), type=Event)
        self._data.clear()
        return msgspec.structs.replace(event, id=self.last_event_id)
