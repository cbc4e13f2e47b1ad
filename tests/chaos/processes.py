"""The system's processes, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Process"]


@dataclass
class Process:
    """One process and its log, which is kept over restarts."""

    name: str
    command: list[str]
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    @staticmethod
    def of_module(name: str, module: str, directory: Path, **environment: str) -> Process:
        """Return a process that runs a module of ours."""
        return Process(name, [sys.executable, "-m", module], directory, environment)

    async def start(self) -> None:
        """Start it, or start it again."""
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )

    async def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.kills += 1

    async def stop(self) -> None:
        """End it by SIGTERM."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    def log(self) -> str:
        """Return what it has written."""
        return (self.directory / f"{self.name}.log").read_text(errors="replace")
