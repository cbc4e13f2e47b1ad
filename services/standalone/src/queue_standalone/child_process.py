"""One process of the system, with its own log file."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .settings import child_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["ChildEndedError", "ChildProcess"]

LAST_LINES = 15


class ChildEndedError(Exception):
    """A process has ended that should run."""

    def __init__(self, part: ChildProcess, code: int) -> None:
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        super().__init__(f"The {part.name} ended {how}. Its last lines:\n{part.last_lines()}")


@dataclass(slots=True)
class ChildProcess:
    """A process in its own session, so that Ctrl-C does not reach it directly."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_seconds: float
    """Time for stopping before the process is killed."""
    stdin: bytes = b""
    """The process' standard input."""
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> int:
        """Start the process, with an empty log, and return its id."""
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=child_environment(self.environment),
                start_new_session=True,
            )
        if self.process.stdin is not None:
            self.process.stdin.write(self.stdin)
            self.process.stdin.close()
        return self.process.pid

    async def until_ready(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Return once ``is_ready`` returns True; raises ChildEndedError if the process ends."""
        while not await is_ready():
            self.raise_if_ended()
            await asyncio.sleep(0.02)

    def raise_if_ended(self) -> None:
        """Raise ChildEndedError if the process has ended."""
        if self.process is not None and self.process.returncode is not None:
            raise ChildEndedError(self, self.process.returncode)

    async def until_ended(self) -> None:
        """Wait until the process ends, which it should not do by itself."""
        if self.process is not None:
            await self.process.wait()

    def terminate(self) -> None:
        """Send SIGTERM. A second one ends a worker's drain."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()

    async def stop(self) -> None:
        """Send SIGTERM and wait; kill the process after ``stop_seconds``."""
        if self.process is None:
            return
        self.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), self.stop_seconds)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def last_lines(self) -> str:
        """Return the end of the log."""
        with self.log.open(errors="replace") as lines:
            return "".join(f"  {line}" for line in deque(lines, LAST_LINES)).rstrip()
