"""Waiting for the token by which Redis wakes one idle worker, without polling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import QueueUnavailableError
from .storage.connection import ReconnectBackoff, reply, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .claim_batcher import ClaimBatcher

__all__ = ["WAIT_SECONDS", "listen_for_work"]

WAIT_SECONDS = 5
"""How long one wait lasts: the next one detects a dead connection."""


async def listen_for_work(client: Redis, key: str, claims: ClaimBatcher) -> None:
    """Poll as soon as work comes while the worker waits for it; until cancelled.

    Blocked clients are served in turn, so that each token wakes one worker. A token that finds its
    worker busy is passed on.
    """
    backoff, failures = ReconnectBackoff(cap=1.0, base=0.05), 0
    while True:
        await claims.waiting_for_work.wait()
        try:
            with translated():
                token = await reply(client.blpop([key], timeout=WAIT_SECONDS))
                if token and not claims.waiting_for_work.is_set():
                    await reply(client.rpush(key, b"1"))
                    continue
            failures = 0
        except QueueUnavailableError:
            # A token may have been lost on its way: poll as if it had come.
            token = [key]
            failures += 1
            await asyncio.sleep(backoff.compute(failures))
        if token:
            claims.poll_now()
