"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, overload

__all__ = ["wait_until"]

T = TypeVar("T")


@overload
async def wait_until(
    condition: Callable[[], Awaitable[T]],
    description: str,
    timeout_seconds: float = 10,
    every_seconds: float = 0.01,
) -> T: ...
@overload
async def wait_until(
    condition: Callable[[], T],
    description: str,
    timeout_seconds: float = 10,
    every_seconds: float = 0.01,
) -> T: ...
async def wait_until(
    condition: Callable[[], T | Awaitable[T]],
    description: str,
    timeout_seconds: float = 10,
    every_seconds: float = 0.01,
) -> T:
    """Return the first truthy value of ``condition``, which is checked every 10 ms by default.

    A sleep is either too short on a busy machine or too long everywhere else. Raises
    AssertionError with the description and the value seen last when the time is up.
    """
    end = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        seen = cast("T", await value if inspect.isawaitable(value) else value)
        if seen:
            return seen
        if time.monotonic() > end:
            msg = f"after {timeout_seconds} s still not: {description}; last seen: {seen!r}"
            raise AssertionError(msg)
        await asyncio.sleep(every_seconds)
