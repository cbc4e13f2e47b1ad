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


def main(arguments: list[str] | None = None) -> None:
    """Run the system until Ctrl-C; ``queue dev`` calls this with no arguments of its own."""
    read_command_line(StandaloneSettings, ABOUT, sys.argv[1:] if arguments is None else arguments)
    os.umask(OWNER_ONLY)
    sys.exit(asyncio.run(run(load(StandaloneSettings))))


if __name__ == "__main__":
    main()
