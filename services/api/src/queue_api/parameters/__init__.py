"""Helpers that all routes share: query strings, times, JSON bodies."""

from .bodies import read_body, respond
from .duplicates import duplicate_name
from .malformed import malformed_json
from .query import MAX_LIMIT, Query, invalid_request, read_idempotency_key, refuse_cursor
from .times import MAX_TIME_MS, parse_time, written_time

__all__ = [
    "MAX_LIMIT", "MAX_TIME_MS", "Query", "duplicate_name", "invalid_request", "malformed_json",
    "parse_time", "read_body", "read_idempotency_key", "refuse_cursor", "respond", "written_time",
]  # fmt: skip
