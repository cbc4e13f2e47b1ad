"""How commands go to Redis, and how often."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from queue_common.queue.storage.connection import open_client, reply
from queue_common.settings import RedisSettings


async def test_a_silent_server_is_asked_once() -> None:
    """A server that takes a command and says nothing is not asked again: it has had its time."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while data := await reader.read(65536):
            asked += data.count(b"PING")
            writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = RedisSettings(redis_addr=f"127.0.0.1:{port}", redis_url=None)
        client = open_client(settings, retries=1, reply_timeout_seconds=0.2)
        with pytest.raises(RedisTimeoutError):
            await reply(client.ping())
        await client.aclose()

    assert asked == 1
