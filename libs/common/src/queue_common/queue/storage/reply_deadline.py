"""A limit of the time that a client waits for Redis, however many round trips that takes."""

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
    """Raise QueueUnavailableError where Redis fails, or has not replied by then (loop's clock).

    redis-py closes the connection of a command that is cut short: its late reply reaches nobody.
    """
    try:
        async with asyncio.timeout_at(deadline):
            with translated():
                yield
    except TimeoutError as error:
        msg = "Redis cannot be reached: no reply in time"
        raise QueueUnavailableError(msg, summary="Redis cannot be reached") from error


def reply_within(seconds: float = REPLY_SECONDS) -> AbstractAsyncContextManager[None]:
    """Do so from now on."""
    return reply_until(asyncio.get_running_loop().time() + seconds)


def is_silence(error: Exception) -> bool:
    """Say whether the error is that Redis did not reply, be it to a connection or to a command."""
    return isinstance(error.__cause__, TimeoutError | RedisTimeoutError)
