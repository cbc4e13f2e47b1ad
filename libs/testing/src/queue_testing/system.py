"""API and worker as processes, for tests of what users run against them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from .redis_server import free_port
from .wait import wait_until

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["System"]


class System:
    """One queue with one API and, once started, one worker; may deliver to this machine."""

    def __init__(self, directory: Path, redis_address: str, **variables: str) -> None:
        self._directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.variables = {
            **os.environ, "ENV": "production", "API_AUTH": "off", "REDIS_ADDR": redis_address,
            "QUEUE_NAME": f"t-{uuid.uuid4().hex[:12]}", "API_PORT": str(self.port),
            "EGRESS_ALLOW": "127.0.0.0/8,localhost", "WORKER_RETRY_INTERVAL": "200ms", **variables,
        }  # fmt: skip
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self, *names: str) -> System:
        """Start ``api`` and ``worker`` unless others are named; return once the API answers."""
        for name in names or ("api", "worker"):
            self._start(name)
        try:
            await wait_until(self._answers, "the API answers", 30)
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self, name: str) -> None:
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", f"queue_{name}"], cwd=self._directory,
                env=self.variables, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(10)

    def freeze(self, name: str) -> None:
        """Stop a process without ending it: its connections stay open, and it answers nothing."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        self._processes[name].send_signal(signal.SIGCONT)

    def log(self, name: str) -> str:
        """Return what a process wrote."""
        return (self._directory / f"{name}.log").read_text()

    def stop(self) -> None:
        """Stop all that runs."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(40)
        self._processes.clear()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health", timeout=5) as response:  # noqa: S310 - loopback
                return bool(response.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False
