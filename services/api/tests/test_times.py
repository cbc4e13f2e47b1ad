"""Times as the API reads and writes them."""

from __future__ import annotations

import pytest

from queue_api.parameters import MAX_TIME_MS, parse_time, written_time


@pytest.mark.parametrize(
    ("unix_ms", "written"),
    [
        (1_795_904_686_123, "2026-11-28T22:24:46.123Z"),
        (MAX_TIME_MS, "9999-12-31T23:59:59.999Z"),
        (MAX_TIME_MS + 1, "9999-12-31T23:59:59.999Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
        (-(10**18), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_any_stored_time_can_be_written(unix_ms: int, written: str) -> None:
    """A time that an earlier release has stored outside the years 1 to 9999 is the nearest one."""
    assert written_time(unix_ms) == written


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_written_is_refused(text: str) -> None:
    """A time outside the years 1 to 9999 in UTC is a ValueError that says so."""
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        parse_time(text)
