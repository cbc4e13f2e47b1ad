"""A Redis or Valkey server that a test can stop, kill and start again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

__all__ = ["RedisServer", "free_port"]


_PORTS: Final = range(10_100, 32_768)
"""Below those that Linux gives to clients and to servers that ask for any; none of them is one that
browsers refuse."""
_random: Final = random.SystemRandom()
_returned: set[int] = set()


def free_port() -> int:
    """Return a loopback port that is free, and that this process has not returned before."""
    while True:
        port = _random.choice(_PORTS)
        if port in _returned:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _returned.add(port)
            return port


class RedisServer:
    """One server process on a loopback port. Its data in ``directory`` survives restarts."""

    def __init__(self, binary: Path, directory: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.binary = binary
        self._directory = directory
        self._command = [
            str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--dir", str(directory), *options,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port``, for REDIS_ADDR."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process' id; the server must have been started."""
        assert self._process is not None  # noqa: S101 - a misuse by the test
        return self._process.pid

    def start(self) -> Self:
        """Start the server and wait until it replies to PING."""
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: S603
        end = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                msg = f"the server did not start: {(self._directory / 'server.log').read_text()}"
                raise RuntimeError(msg)
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def pause(self) -> None:
        """Pause the process: it accepts bytes but does not reply."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process by SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the process by SIGTERM, as an operator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
