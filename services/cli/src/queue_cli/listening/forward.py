"""Makes a delivery's request to this machine."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from queue_client import Delivery

__all__ = ["Forwarded", "Forwarder", "target_of"]

MAX_BODY_BYTES = 64 * 1024
"""Of a response: more is not told."""
MAX_ERROR_CHARACTERS = 300
HOP_BY_HOP = frozenset({
    "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding",
    "upgrade",
})  # fmt: skip


@dataclass
class Forwarded:
    """A delivery and how it went here."""

    delivery: Delivery
    at: datetime
    duration_ms: float
    status_code: int | None = None
    error: str | None = None
    headers: dict[str, str] | None = None
    body: bytes = b""

    def result(self) -> dict[str, Any]:
        """Return what the API is told."""
        told: dict[str, Any] = {"token": self.delivery.token, "duration_ms": self.duration_ms}
        if self.status_code is None:
            return {**told, "error": self.error}
        return {
            **told, "status_code": self.status_code, "headers": self.headers or {},
            "body_base64": base64.b64encode(self.body).decode(),
        }  # fmt: skip


def target_of(text: str) -> str:
    """Return the base URL of ``3000``, ``localhost:3000`` or a URL, without a slash at its end."""
    if text.isdigit():
        text = f"localhost:{text}"
    return (text if "://" in text else f"http://{text}").rstrip("/")


class Forwarder:
    """Sends deliveries to one base URL: each keeps its path, query, method, headers and body."""

    def __init__(self, target: str) -> None:
        self._target = target_of(target)
        self._http = httpx.AsyncClient(timeout=30, trust_env=False)

    async def forward(self, delivery: Delivery) -> Forwarded:
        """Make the request; a failure is a value."""
        at, begin = datetime.now(UTC), time.perf_counter()
        done = Forwarded(delivery, at, 0.0)
        try:
            await self._send(delivery, done)
        except httpx.HTTPError as error:
            done.error = (str(error) or type(error).__name__)[:MAX_ERROR_CHARACTERS]
        done.duration_ms = round((time.perf_counter() - begin) * 1000, 2)
        return done

    async def _send(self, delivery: Delivery, done: Forwarded) -> None:
        parts = urlsplit(delivery.url)
        url = self._target + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            name: value
            for name, value in delivery.headers.items()
            if name.lower() not in HOP_BY_HOP
        }
        body = base64.b64decode(delivery.body_base64) if delivery.body_base64 else None
        left = (delivery.deadline_at or done.at) - done.at
        async with self._http.stream(
            delivery.method, url, headers=headers, content=body,
            timeout=max(left.total_seconds(), 1.0),
        ) as response:  # fmt: skip
            async for received in response.aiter_bytes():
                done.body += received[: MAX_BODY_BYTES - len(done.body)]
            done.status_code = response.status_code
            done.headers = {**response.headers}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
