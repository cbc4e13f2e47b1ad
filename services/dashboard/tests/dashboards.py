"""The dashboard as a process, beside an API with keys and a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from queue_client import AsyncQueueClient
from queue_testing import free_port, wait_until

__all__ = ["ROOT_KEY", "SECRET", "USER_HEADER", "Dashboard", "Site"]

ROOT_KEY = "root-key-of-the-tests-0123456789abcdef"
SECRET = "session-secret-of-the-tests-0123456789"
USER_HEADER = "X-Test-User"


class Dashboard:
    """One dashboard; started by ``start``."""

    def __init__(self, directory: Path, api_url: str, **variables: str) -> None:
        self._directory = directory
        self.port = free_port()
        self.path = variables.get("DASHBOARD_ROOT_PATH", "")
        self.url = f"http://127.0.0.1:{self.port}{self.path}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DASHBOARD_", "QUEUE_"))}
        self._variables = {
            **kept, "ENV": "production", "DASHBOARD_PORT": str(self.port),
            "DASHBOARD_API_URL": api_url, "DASHBOARD_SESSION_SECRET": SECRET, **variables,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> Dashboard:
        """Start the process; return once it answers."""
        self._start()
        await wait_until(self._answers, "the dashboard answers", 30)
        return self

    def _start(self) -> None:
        with (self._directory / f"dashboard-{self.port}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "queue_dashboard"], cwd=self._directory,
                env=self._variables, stdout=log, stderr=log,
            )  # fmt: skip

    def log(self) -> str:
        return (self._directory / f"dashboard-{self.port}.log").read_text()

    def stop(self) -> int:
        """Stop the process and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False


@dataclass
class Site:
    """What the browser's tests share: the API's address, three dashboards, tasks in every state."""

    api_url: str
    destination: str
    open: Dashboard
    """Takes a user's name from a header, as behind a proxy; all may do all."""
    asking: Dashboard
    """Asks for a key."""
    below: Dashboard
    """Below /ui; takes a user's name from a header."""
    tasks: dict[str, str] = field(default_factory=dict)
    """A task's id, by its state or what is special about it."""

    def client(self, token: str = ROOT_KEY) -> AsyncQueueClient:
        return AsyncQueueClient(self.api_url, token=token)
