"""Checks whether a process is ready."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["log_contains", "replies_to_ping", "responds_to_http"]


async def _ask(port: int, request: bytes) -> bytes:
    """Return the first bytes of the response; none if nothing listens on the port."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(64), 1)
    except (OSError, TimeoutError):
        return b""
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def replies_to_ping(port: int, password: str = "") -> bool:
    """Return whether Redis replies with PONG, which it does not while it loads its data."""
    login = f"AUTH {password}\r\n" if password else ""
    return b"+PONG" in await _ask(port, f"{login}PING\r\n".encode())


async def responds_to_http(port: int, path: str) -> bool:
    """Return whether the response to a GET of ``path`` is a 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return b" 200 " in await _ask(port, request.encode())


async def log_contains(log: Path, words: str) -> bool:
    """Return whether a log contains the words."""
    return words in await asyncio.to_thread(log.read_text, errors="replace")
