"""Starts a worker."""

from __future__ import annotations

import gc
import sys

import uvloop

from queue_common.logs.setup import configure_logging
from queue_common.metrics.process import open_metrics_port
from queue_common.settings import load, read_command_line

from .app import run
from .settings import WorkerSettings

__all__ = ["main"]

ABOUT = "queue-worker: makes the requests of tasks, and tries again those that fail."


def main() -> None:
    """Deliver until SIGTERM or SIGINT, then drain and return."""
    read_command_line(WorkerSettings, ABOUT, sys.argv[1:])
    gc.freeze()  # what the imports made is not looked through again
    gc.set_threshold(20_000)  # reference counting frees nearly all that a task makes
    settings = load(WorkerSettings)
    # SAQ's lines repeat ours.
    configure_logging(settings, quiet=("saq", "uvicorn"))
    uvloop.run(run(settings, open_metrics_port(settings)))


if __name__ == "__main__":
    main()
