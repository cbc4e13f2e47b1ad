"""The trace context that processes pass on (W3C Trace Context, Baggage)."""

from __future__ import annotations

import re
from random import getrandbits
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SAMPLED", "TraceContext", "new_span_id", "new_trace_id", "read_context"]

SAMPLED = 1
"""The flag of a trace that is recorded."""
_KNOWN_FLAGS = 3
"""Sampled and random (Trace Context level 2). Other flags are not passed on."""

MAX_TRACESTATE_CHARACTERS = 512
"""The standard requires to pass on so much. A longer value may be dropped as a whole."""
MAX_TRACESTATE_MEMBERS = 32
MAX_BAGGAGE_CHARACTERS = 8192
"""The standard's own limit."""

# Version 00 has no more fields; a later one may have, after a dash.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
_VISIBLE = re.compile(r"[\x20-\x7e\t]+")


class TraceContext(msgspec.Struct, frozen=True):
    """A span's identity in other processes. Ids are lower-case hexadecimal, as in the headers."""

    trace_id: str
    """32 digits."""
    span_id: str
    """16 digits."""
    flags: int = 0
    tracestate: str = ""
    """Data of tracing systems, passed on unchanged."""
    baggage: str = ""
    """Data of the client for all services on the way, passed on unchanged."""

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        return bool(self.flags & SAMPLED)

    @property
    def traceparent(self) -> str:
        """The value of the header ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def span(self, span_id: str) -> TraceContext:
        """Return the context of another span of this trace."""
        return TraceContext(self.trace_id, span_id, self.flags, self.tracestate, self.baggage)

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the context; ``read_context`` reads them."""
        headers = {"traceparent": self.traceparent}
        if self.tracestate:
            headers["tracestate"] = self.tracestate
        if self.baggage:
            headers["baggage"] = self.baggage
        return headers


def new_trace_id() -> str:
    """Return a random trace id. It is unique but no secret, like OpenTelemetry's."""
    return f"{getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return a random span id."""
    return f"{getrandbits(64) or 1:016x}"


def read_context(headers: Mapping[str, str]) -> TraceContext | None:
    """Return the context of ``headers`` (names in lower case); None without a valid one.

    By the standard, an invalid ``traceparent`` counts as missing, and an invalid ``tracestate`` or
    ``baggage`` is dropped.
    """
    traceparent = headers.get("traceparent")
    match = traceparent and _TRACEPARENT.fullmatch(traceparent.strip(" \t"))
    if not match:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN or (rest and version == "00"):
        return None
    return TraceContext(
        trace_id,
        span_id,
        int(flags, 16) & _KNOWN_FLAGS,
        _tracestate(headers.get("tracestate")),
        _baggage(headers.get("baggage")),
    )


def _tracestate(value: str | None) -> str:
    if not value or len(value) > MAX_TRACESTATE_CHARACTERS:
        return ""
    members = [member for part in value.split(",") if (member := part.strip(" \t"))]
    valid = len(members) <= MAX_TRACESTATE_MEMBERS and all(map(_MEMBER.fullmatch, members))
    return ",".join(members) if valid else ""


def _baggage(value: str | None) -> str:
    if not value or len(value) > MAX_BAGGAGE_CHARACTERS:
        return ""
    return value if _VISIBLE.fullmatch(value) else ""
