"""Where log lines go: one write for all lines of a turn of the event loop."""

from __future__ import annotations

import asyncio
import atexit
import threading
from contextlib import suppress
from typing import BinaryIO

__all__ = ["LineStream"]


class LineStream:
    """A file for lines, as structlog's own loggers are; its methods are the levels.

    A write is a system call, and a busy process tells dozens of lines within a millisecond. Those
    of one turn of the loop go together at its end; without a loop each goes at once. A process that
    is killed loses the lines of the turn it was in.

    A line that cannot be written is lost, and the work goes on: a full disk, or a pipe nobody
    reads, must not make a 500 of a task that was accepted.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        # Reentrant: a line may come from a destructor that runs while another one is written.
        self._lock = threading.RLock()
        self._flushing: asyncio.AbstractEventLoop | None = None
        """The loop that is going to flush; one that was stopped before may never do it."""
        atexit.register(self.flush)

    def msg(self, line: bytes) -> None:
        """Take a line, without its end."""
        with self._lock:
            self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._flushing is not loop:
            self._flushing = loop
            loop.call_soon(self.flush)

    debug = info = warning = error = critical = msg

    def write(self, text: str) -> None:
        """Take what the standard library's handlers write: a line with its end."""
        self.msg(text.rstrip("\n").encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._flushing = None
            lines, self._waiting = self._waiting, []
            if lines:
                with suppress(OSError):
                    self._file.write(b"\n".join((*lines, b"")))
                    self._file.flush()
