"""A deadline for Redis' replies, across any number of round trips."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from redis.exceptions import TimeoutError as RedisTimeoutError

from ...errors import QueueUnavailableError
from .connection import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["REPLY_SECONDS", "is_silence", "reply_until", "reply_within"]

REPLY_SECONDS = 5.0


@asynccontextmanager
async def reply_until(deadline: float) -> AsyncIterator[None]:
    """Raise QueueUnavailableError if Redis fails, or has not replied by then (loop's clock).

    redis-py closes the connection of a cancelled command, so a late reply reaches no other one.
    """
    try:
        async with asyncio.timeout_at(deadline):
            with translated():
                yield
    except TimeoutError as error:
        msg = "Redis cannot be reached: no reply in time"
        raise QueueUnavailableError(msg, summary="Redis cannot be reached") from error


def reply_within(seconds: float = REPLY_SECONDS) -> AbstractAsyncContextManager[None]:
    """Return ``reply_until`` in this many seconds."""
    return reply_until(asyncio.get_running_loop().time() + seconds)


def is_silence(error: Exception) -> bool:
    """Return whether the cause is that Redis did not reply, to a connection or to a command."""
    return isinstance(error.__cause__, TimeoutError | RedisTimeoutError)
