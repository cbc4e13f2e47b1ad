"""Ends the child processes if `make run` itself is killed, so that none keeps its port.

A separate process reads the children's process ids from its standard input. Only the run holds the
other end of that pipe, and the kernel closes it when the run ends for any reason.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress

__all__ = ["OrphanWatch", "main"]

FINISH_SECONDS = 2.0
"""Time after the first SIGTERM. The second one ends a worker's drain."""
POLL_SECONDS = 0.02


class OrphanWatch:
    """The run's end of the pipe."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the watching process in its own session, so that Ctrl-C does not end it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    async def add(self, pid: int, seconds: float) -> None:
        """Add a process to end after the run; it is killed ``seconds`` after its second SIGTERM.

        The process added last is ended first.
        """
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{pid} {seconds}\n".encode())
            await self._process.stdin.drain()

    async def stop(self) -> None:
        """End the watch after the run has ended all its processes."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def main() -> None:
    """Wait for the end of the run, then end its processes."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    parts = [line.split() for line in sys.stdin]
    for pid, seconds in reversed(parts):
        _end(int(pid), float(seconds))


def _end(pid: int, seconds: float) -> None:
    steps = [(signal.SIGTERM, FINISH_SECONDS), (signal.SIGTERM, seconds), (signal.SIGKILL, 0.0)]
    for signum, patience in steps:
        if not _send(pid, signum) or _ended_within(pid, patience):
            return


def _send(pid: int, signum: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)
        return True
    return False


def _ended_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not _send(pid, 0):
            return True
        time.sleep(POLL_SECONDS)
    return False


if __name__ == "__main__":
    main()
