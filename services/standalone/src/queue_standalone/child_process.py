"""One process of the system: started with a log of its own, watched, stopped."""

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
    """A part has ended that should run."""

    def __init__(self, part: ChildProcess, code: int) -> None:
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        super().__init__(f"The {part.name} ended {how}. Its last lines:\n{part.last_lines()}")


@dataclass(slots=True)
class ChildProcess:
    """A process in a session of its own, so that Ctrl-C reaches it through us, in order."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_seconds: float
    """How long it may take to stop before it is killed."""
    stdin: bytes = b""
    """What it reads at its start."""
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
        """Return once ``is_ready`` says so; raises PartEndedError where the process ends first."""
        while not await is_ready():
            self.raise_if_ended()
            await asyncio.sleep(0.02)

    def raise_if_ended(self) -> None:
        """Raise PartEndedError where the process has ended."""
        if self.process is not None and self.process.returncode is not None:
            raise ChildEndedError(self, self.process.returncode)

    async def until_ended(self) -> None:
        """Wait for the process; it should not end."""
        if self.process is not None:
            await self.process.wait()

    def terminate(self) -> None:
        """Ask the process to stop; asked twice, a worker cuts its drain short."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()

    async def stop(self) -> None:
        """Ask the process to stop and wait; kill it when its time is up."""
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
