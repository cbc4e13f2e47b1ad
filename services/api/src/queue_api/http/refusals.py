"""Responses before a connection is closed because of a limit or a violation of HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

__all__ = [
    "BODY_TIMEOUT", "BUFFERED", "CONNECTIONS", "HEAD", "HEAD_TIMEOUT", "MALFORMED", "NO_HOST",
    "PIPELINED", "REASONS", "TOO_LARGE", "TRAILERS", "Refusal",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response to a violation."""

    reason: str
    """The label of the metric."""
    status: HTTPStatus
    detail: str

    @property
    def kind(self) -> str:
        """The last part of the problem's type."""
        return self.reason.replace("_", "-")

    @property
    def headers(self) -> dict[str, str]:
        """The response's own headers."""
        is_temporary = self.status is HTTPStatus.SERVICE_UNAVAILABLE
        return {"Retry-After": "1"} if is_temporary else {}

    def response(self) -> bytes:
        """Return a complete response with a problem document (RFC 9457) and a close."""
        body = msgspec.json.encode(
            {
                "type": f"urn:queue-system:problem:{self.kind}",
                "title": self.status.phrase,
                "status": self.status.value,
                "detail": self.detail,
            }
        )
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
            f"{lines}connection: close\r\n\r\n"
        )
        return head.encode() + body


MALFORMED = Refusal("malformed", HTTPStatus.BAD_REQUEST, "The request is not valid HTTP/1.1.")
NO_HOST = Refusal(
    "malformed", HTTPStatus.BAD_REQUEST, "A request must have exactly one Host header."
)
HEAD = Refusal(
    "head_too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The head of the request is larger than API_MAX_HEAD.",
)
TRAILERS = Refusal(
    "head_too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The trailers of the request are larger than API_MAX_HEAD.",
)
HEAD_TIMEOUT = Refusal(
    "head_timeout", HTTPStatus.REQUEST_TIMEOUT, "The head did not arrive within API_HEAD_TIMEOUT."
)
BODY_TIMEOUT = Refusal(
    "body_timeout",
    HTTPStatus.REQUEST_TIMEOUT,
    "The body arrived more slowly than API_BODY_TIMEOUT and API_BODY_MIN_RATE allow.",
)
CONNECTIONS = Refusal(
    "connections",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "More connections are open than API_MAX_CONNECTIONS.",
)
BUFFERED = Refusal(
    "buffered",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Incomplete requests take more memory than API_MAX_BUFFERED.",
)
TOO_LARGE = Refusal(
    "body_too_large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The request is larger than API_MAX_BUFFERED.",
)
PIPELINED = Refusal(
    "pipelined",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "More bytes than API_MAX_PIPELINED wait behind a request.",
)

REASONS = frozenset(
    refusal.reason
    for refusal in (
        MALFORMED, NO_HOST, HEAD, HEAD_TIMEOUT, BODY_TIMEOUT, CONNECTIONS, BUFFERED, TOO_LARGE,
        PIPELINED,
    )
)  # fmt: skip
