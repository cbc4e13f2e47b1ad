"""Running the programs that drive a cluster."""

from __future__ import annotations

import asyncio
import shlex

__all__ = ["CommandError", "run"]


class CommandError(AssertionError):
    """A command did not end well; the message holds all it wrote."""


async def run(*command: str, stdin: str | None = None, timeout_seconds: float = 300) -> str:
    """Run a command and return its standard output.

    Raises CommandError for an exit code other than 0 and when the time is up.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await process.communicate(stdin.encode() if stdin else None)
    except TimeoutError:
        process.kill()
        await process.wait()
        msg = f"not done after {timeout_seconds} s: {shlex.join(command)}"
        raise CommandError(msg) from None
    if process.returncode:
        told = (errors + output).decode(errors="replace").strip()
        msg = f"exit code {process.returncode} of {shlex.join(command)}\n{told}"
        raise CommandError(msg)
    return output.decode(errors="replace")
