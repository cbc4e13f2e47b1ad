"""Puts a fake in the place of the network for all clients of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from ..callers import AsyncCaller, Caller

if TYPE_CHECKING:
    import pytest

    from .transport import FakeTransport

__all__ = ["install"]


def install(patch: pytest.MonkeyPatch, transport: FakeTransport) -> None:
    """Have every request go to ``transport``; requests of other fakes stay with these."""
    send, send_async = Caller._send, AsyncCaller._send

    def fake_send(client: Caller, request: httpx.Request, **options: Any) -> httpx.Response:
        if _is_fake(client.transport, transport):
            return send(client, request, **options)
        with httpx.Client(transport=transport) as http:
            return http.send(request, **options)

    async def fake_send_async(
        client: AsyncCaller, request: httpx.Request, **options: Any
    ) -> httpx.Response:
        if _is_fake(client.transport, transport):
            return await send_async(client, request, **options)
        async with httpx.AsyncClient(transport=transport) as http:
            return await http.send(request, **options)

    patch.setattr(Caller, "_send", fake_send)
    patch.setattr(AsyncCaller, "_send", fake_send_async)


def _is_fake(own: object, transport: FakeTransport) -> bool:
    return isinstance(own, (type(transport), httpx.MockTransport))
