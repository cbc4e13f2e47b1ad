"""Waiting for the token by which Redis wakes one idle worker, without polling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...errors import QueueUnavailableError
from ..storage.connection import ReconnectBackoff, reply, translated

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from .claim_batcher import ClaimBatcher

__all__ = ["WAIT_SECONDS", "listen_for_work"]

WAIT_SECONDS = 5
"""How long one wait lasts: the next one detects a dead connection."""


async def listen_for_work(client: Redis, key: str, claims: ClaimBatcher) -> None:
    """Poll as soon as there is work, if the worker waits for it. Runs until cancelled.

    Redis serves blocked clients in turn, so each token wakes one worker. A worker that does not
    wait any more passes its token on.
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
            # The reply with a token may have been lost: poll as if it had arrived.
            token = [key]
            failures += 1
            await asyncio.sleep(backoff.compute(failures))
        if token:
            claims.poll_now()
