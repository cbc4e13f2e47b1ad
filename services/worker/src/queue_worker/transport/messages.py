"""Requests and responses, as deliveries use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .errors import Progress

__all__ = ["Client", "Header", "Request", "Response"]

Header = tuple[bytes, bytes]


class Request(NamedTuple):
    """A request to be made. The client adds ``Host`` and ``Content-Length``."""

    method: str
    url: str
    headers: Sequence[Header]
    body: bytes | None
    progress: Progress
    """The client sets its phase."""
    internal_headers: Sequence[Header] = ()
    """Headers that are added for destinations that EGRESS_ALLOW lists."""


class Response(NamedTuple):
    """A response with the first bytes of its body."""

    status_code: int
    headers: Sequence[Header]
    body: bytes


class Client(Protocol):
    """An HTTP client, as deliveries use it."""

    async def send(self, request: Request) -> Response:
        """Send a request and return its response.

        Raises the errors that ``attempt.outcomes`` lists. The caller limits the time by cancelling.
        """
        ...

    async def aclose(self) -> None:
        """Close all kept connections."""
        ...
