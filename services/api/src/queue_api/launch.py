"""The command ``queue-api``: what comes before the imports."""

from __future__ import annotations

from queue_common.garbage import hold_garbage_collector

__all__ = ["main"]


def main() -> None:
    """Import the API without looking for garbage meanwhile, and start it."""
    hold_garbage_collector()
    from .__main__ import main as start

    start()
