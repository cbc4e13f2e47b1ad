"""Answering a request whose body is still coming."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["LingeringResponse"]

LINGER_SECONDS = 5.0


class LingeringResponse(Response):
    """An answer that is sent at once; what still comes of the body is read and thrown away.

    A connection that is closed with bytes unread is reset, and a reset may overtake the answer:
    clients that are still sending would see a broken connection instead. Ends with the body, when
    the client has closed, or after 5 s.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then read on before it is declared complete."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while (await receive()).get("more_body"):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})
