"""The response to a body that is not JSON."""

from __future__ import annotations

import re
from http import HTTPStatus

from ..problems import ProblemError

__all__ = ["malformed_json"]

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def malformed_json(raw: bytes, error: Exception) -> ProblemError:
    """Return the 400 for a body that the decoder refused with ``error``."""
    half = _half_of_pair(raw)
    reason = str(error) if half is None else f"{half} is half of a surrogate pair"
    detail = f"The body is not JSON: {reason}"
    return ProblemError(HTTPStatus.BAD_REQUEST, "malformed-json", detail)


def _half_of_pair(raw: bytes) -> str | None:
    """Return the first escape of half a pair, which the decoder may report as a body's end."""
    without_pairs = _PAIR.sub(b" ", raw.replace(rb"\\", b" "))
    found = _SURROGATE.search(without_pairs)
    return None if found is None else found[0].decode()
