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
    """A response that is sent at once, while the rest of the request's body is read and dropped.

    Ends after the body, if the client closes the connection, or after 5 s.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response and read the rest of the body before completing it."""
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
