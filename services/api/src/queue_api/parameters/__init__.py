"""What requests and responses of all routes have in common: query strings, times, JSON bodies."""

from .bodies import read_body, respond
from .query import MAX_LIMIT, Query, invalid_request, refuse_cursor
from .times import parse_time, written_time

__all__ = [
    "MAX_LIMIT", "Query", "invalid_request", "parse_time", "read_body", "refuse_cursor", "respond",
    "written_time",
]  # fmt: skip
