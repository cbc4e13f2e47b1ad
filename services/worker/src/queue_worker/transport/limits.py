"""Bounds that hold whichever transport is used."""

__all__ = [
    "ANSWER_KEPT_BYTES",
    "ANSWER_READ_BYTES",
    "HEADERS_MOST",
    "IDLE_SECONDS",
    "UNFRAMED_MOST_BYTES",
]

ANSWER_READ_BYTES = 1 << 20
"""What is read of a body; the rest is cut off and the connection closed. No error."""
ANSWER_KEPT_BYTES = 1 << 10
"""What is handed on of a body: a thousand answers in flight must not be a gigabyte."""
HEADERS_MOST = 256
UNFRAMED_MOST_BYTES = 64 << 10
"""Headers, trailers, chunk extensions: what may come without a byte of a body in between."""
IDLE_SECONDS = 30.0
"""How long a connection is kept for the next request."""
