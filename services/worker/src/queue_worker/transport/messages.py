"""What the deliveries ask of a transport: a request out, the beginning of its answer in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .errors import Progress

__all__ = ["Client", "Header", "Request", "Response"]

Header = tuple[bytes, bytes]


class Request(NamedTuple):
    """A request to be made. ``Host`` and ``Content-Length`` are the transport's to add."""

    method: str
    url: str
    headers: Sequence[Header]
    body: bytes | None
    progress: Progress
    """Told how far the request has come."""
    internal_headers: Sequence[Header] = ()
    """Sent besides, to destinations that EGRESS_ALLOW lists."""


class Response(NamedTuple):
    """An answer, its body cut to what is kept."""

    status_code: int
    headers: Sequence[Header]
    body: bytes


class Client(Protocol):
    """A transport, as the deliveries use it."""

    async def send(self, request: Request) -> Response:
        """Make the request.

        Raises what ``outcomes`` knows. The time for it is set by the caller, who cancels it.
        """
        ...

    async def aclose(self) -> None:
        """Close all kept connections."""
        ...
