"""Runs the command as its users do: as a process, in a pipe or on a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from queue_testing import wait_until

QUEUE = str(Path(sys.executable).with_name("queue"))


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """``queue`` in a directory and an environment of the test's own."""

    directory: Path
    url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("QUEUE_")}
        url = {"QUEUE_URL": self.url} if self.url else {}
        home = {"HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config")}
        return {**kept, **home, **url, **self.environment}

    async def __call__(self, *arguments: str, stdin: bytes = b"", timeout: float = 45) -> Result:
        """Run to the end."""
        process = await asyncio.create_subprocess_exec(
            QUEUE, *arguments, cwd=self.directory, env=self.variables(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(stdin), timeout)
        return Result(process.returncode or 0, out.decode(), err.decode())

    def terminal(self, *arguments: str) -> Terminal:
        """Start on a terminal of 80 columns and 24 rows."""
        return Terminal(self, arguments)


class Terminal:
    """``queue`` on a pseudo-terminal, while the context is entered."""

    def __init__(self, cli: Cli, arguments: tuple[str, ...]) -> None:
        self._cli = cli
        self._arguments = arguments
        self.shown = ""

    async def __aenter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(  # noqa: ASYNC220 - does not wait
            [QUEUE, *self._arguments], cwd=self._cli.directory,
            env={**self._cli.variables(), "TERM": "xterm-256color"},
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            # Ctrl-C counts here, also if the tests themselves run in the background and ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        os.close(self._master)

    def _read(self) -> None:
        try:
            received = os.read(self._master, 65536)
        except OSError:
            received = b""
        if not received:
            asyncio.get_running_loop().remove_reader(self._master)
        self.shown += received.decode(errors="replace")

    async def until(self, text: str) -> None:
        """Wait until the terminal shows this."""
        await wait_until(lambda: text in self.shown, f"{text!r} is shown: {self.shown!r}", 30)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    async def interrupt(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended()

    async def ended(self) -> int:
        """Return the exit code once the command has ended."""
        return await asyncio.to_thread(self._process.wait, 30)
