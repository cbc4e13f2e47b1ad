"""The context of a trace as it travels from process to process (W3C Trace Context, Baggage)."""

from __future__ import annotations

import re
from random import getrandbits
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SAMPLED", "TraceContext", "new_span_id", "new_trace_id", "read_context"]

SAMPLED = 1
"""The flag that says that the trace is recorded."""
_KNOWN_FLAGS = 3
"""Sampled, and random (Trace Context level 2); the rest is for later versions, and not sent on."""

MAX_TRACESTATE_CHARACTERS = 512
"""What the standard asks everybody to pass on; more may be left out, as a whole."""
MAX_TRACESTATE_MEMBERS = 32
MAX_BAGGAGE_CHARACTERS = 8192
"""The standard's own limit."""

# Version 00 ends here; a later one may go on after a dash.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
_VISIBLE = re.compile(r"[\x20-\x7e\t]+")


class TraceContext(msgspec.Struct, frozen=True):
    """One span as others know it; ids are in lower-case hexadecimal, as they are sent."""

    trace_id: str
    """32 digits."""
    span_id: str
    """16 digits."""
    flags: int = 0
    tracestate: str = ""
    """What tracing systems told each other, passed on as it came."""
    baggage: str = ""
    """What the client wants everybody on the way to know, passed on as it came."""

    @property
    def sampled(self) -> bool:
        """Say whether the trace is recorded."""
        return bool(self.flags & SAMPLED)

    @property
    def traceparent(self) -> str:
        """The header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def span(self, span_id: str) -> TraceContext:
        """Return the context of another span of this trace."""
        return TraceContext(self.trace_id, span_id, self.flags, self.tracestate, self.baggage)

    def headers(self) -> dict[str, str]:
        """Return the headers by which the context is handed on; ``read_context`` reads them."""
        headers = {"traceparent": self.traceparent}
        if self.tracestate:
            headers["tracestate"] = self.tracestate
        if self.baggage:
            headers["baggage"] = self.baggage
        return headers


def new_trace_id() -> str:
    """Return a random trace id; like OpenTelemetry's, it is unique and no secret."""
    return f"{getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return a random span id."""
    return f"{getrandbits(64) or 1:016x}"


def read_context(headers: Mapping[str, str]) -> TraceContext | None:
    """Return the context that ``headers`` carry, names in lower case; None without a valid one.

    As the standard has it: an invalid ``traceparent`` counts as none, and an invalid ``tracestate``
    or ``baggage`` is left out.
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
