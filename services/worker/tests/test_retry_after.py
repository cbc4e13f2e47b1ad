"""Reading Retry-After."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queue_worker.attempt.retry_after import asked_pause_ms, rate_limit_reset_ms, retry_after_ms

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        pytest.param("1", 1000, id="seconds"),
        pytest.param(" 120 ", 120_000, id="seconds-in-blanks"),
        pytest.param("Tue, 24 Nov 2026 12:00:30 GMT", 30_000, id="date"),
        pytest.param("Tuesday, 24-Nov-26 12:00:30 GMT", 30_000, id="rfc-850-date"),
        pytest.param("Tue Nov 24 12:00:30 2026", 30_000, id="asctime-date"),
        pytest.param("Tue, 24 Nov 2026 13:00:30 +0100", 30_000, id="date-with-offset"),
    ],
)
def test_a_wait_is_read(value: str, wait_ms: int) -> None:
    """Seconds and the three forms of an HTTP date are read as the wait from now."""
    assert retry_after_ms(503, value, NOW_MS) == wait_ms


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="absent"),
        pytest.param("", id="empty"),
        pytest.param("soon", id="words"),
        pytest.param("-5", id="negative"),
        pytest.param("1.5", id="fraction"),
        pytest.param("0", id="zero"),
        pytest.param("\u00b2", id="superscript-two"),
        pytest.param("9" * 5000, id="beyond-all-numbers"),
        pytest.param("Tue, 24 Nov 2026 11:59:59 GMT", id="past"),
        pytest.param("Tue, 24 Nov 2026 25:61:00 GMT", id="no-time"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +1200", id="before-all-dates"),
    ],
)
def test_nonsense_is_passed_over(value: str | None) -> None:
    """What is no wait ahead of now, zero included, leaves the retry to the interval."""
    assert retry_after_ms(429, value, NOW_MS) is None


@given(st.text(max_size=60))
@example("Fri, 31 Dec 9999 23:59:59 -1200")
@example(format_datetime(NOW) * 2)
def test_no_text_breaks_the_reading(value: str) -> None:
    """Whatever a destination sends, the reading gives a wait that can be kept, or none."""
    wait = retry_after_ms(503, value, NOW_MS)

    assert wait is None or 0 < wait < 1 << 62


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [("30", 30_000), (" 30.5 ", 30_000), (str(NOW_MS // 1000 + 60), 60_000),
     (str(NOW_MS + 5000), 5000), ("0", None), (str(NOW_MS // 1000 - 5), None), ("soon", None),
     ("-5", None), ("", None), ("9" * 14, None), ("\u0663", None)],
)  # fmt: skip
def test_a_reset_is_read(value: str, wait_ms: int | None) -> None:
    """Seconds from now and Unix times are told apart; what has passed or is invalid is ignored."""
    assert rate_limit_reset_ms(value, NOW_MS) == wait_ms


@pytest.mark.parametrize(
    ("status", "headers", "wait_ms"),
    [
        (429, [(b"Retry-After", b"2"), (b"X-RateLimit-Reset", b"60")], 2000),
        (429, [(b"X-RateLimit-Reset", b"60")], 60_000),
        (503, [(b"x-ratelimit-reset", b"60"), (b"Retry-After", b"soon")], 60_000),
        (429, [(b"X-RateLimit-Reset", b"60"), (b"X-RateLimit-Reset", b"70")], None),
        (500, [(b"X-RateLimit-Reset", b"60"), (b"Retry-After", b"2")], None),
        (429, [], None),
    ],
)
def test_retry_after_counts_before_a_reset(
    status: int, headers: list[tuple[bytes, bytes]], wait_ms: int | None
) -> None:
    """The standard's header counts first; a reset is asked for by 429 and 503 only."""
    assert asked_pause_ms(status, headers, NOW_MS) == wait_ms
