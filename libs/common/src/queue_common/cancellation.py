"""Cancelling background tasks reliably."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["cancel_and_wait"]

CANCEL_AGAIN_SECONDS = 0.1


async def cancel_and_wait(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and return when all have ended. Their errors are discarded.

    A task is cancelled every 0.1 s until it ends: redis-py writes under ``asyncio.wait_for``, which
    up to Python 3.11 loses a cancellation that arrives just as the write ends.
    """
    pending = list(tasks)
    running = {task for task in pending if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*pending, return_exceptions=True)
