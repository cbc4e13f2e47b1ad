"""A response to a client that is still sending its request.

A connection that is closed with bytes unread is reset, and the reset may overtake the response: the
client would see a broken connection instead.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["LingeringResponse"]

LINGER_SECONDS = 5.0


class LingeringResponse(Response):
    """A response that is sent at once; what still comes of the body is read and thrown away.

    Ends with the body, if the client has closed, or after 5 s.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, then read on before it is declared complete."""
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
