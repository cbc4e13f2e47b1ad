"""Starts the whole system on this machine."""

from __future__ import annotations

import asyncio
import os
import sys

from queue_common.settings import load, read_command_line

from .settings import StandaloneSettings
from .system import run

__all__ = ["main"]

ABOUT = "queue-standalone: API, worker, dashboard and an embedded Valkey, on this machine."
OWNER_ONLY = 0o077
"""The umask: logs and data contain the content of tasks, including secrets."""


def main() -> None:
    """Run the system until Ctrl-C."""
    read_command_line(StandaloneSettings, ABOUT, sys.argv[1:])
    os.umask(OWNER_ONLY)
    sys.exit(asyncio.run(run(load(StandaloneSettings))))


if __name__ == "__main__":
    main()
