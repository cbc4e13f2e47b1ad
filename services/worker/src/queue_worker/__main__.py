"""Starts a worker."""

from __future__ import annotations

import uvloop

from queue_common.log import configure_logging
from queue_common.settings import load

from .app import run
from .settings import WorkerSettings

__all__ = ["main"]


def main() -> None:
    """Deliver until SIGTERM or SIGINT, then drain and return."""
    settings = load(WorkerSettings)
    # SAQ's lines repeat ours, httpcore's tell each byte.
    configure_logging(settings, quiet=("saq", "httpcore"))
    uvloop.run(run(settings))


if __name__ == "__main__":
    main()
