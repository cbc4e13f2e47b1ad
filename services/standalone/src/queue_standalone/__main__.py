"""Starts the whole system on this machine."""

from __future__ import annotations

import asyncio
import sys

from queue_common.settings import load

from .settings import StandaloneSettings
from .system import run

__all__ = ["main"]


def main() -> None:
    """Run the system until Ctrl-C."""
    sys.exit(asyncio.run(run(load(StandaloneSettings))))


if __name__ == "__main__":
    main()
