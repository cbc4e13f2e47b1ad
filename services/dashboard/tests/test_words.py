from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queue_dashboard.view.words import count, cut, ms, policy, relative, size, span, visible


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"), (0, "0 ms"), (0.34, "340 ms"), (1, "1 s"), (2.44, "2.4 s"),
        (59.6, "1 min"), (185, "3 min 5 s"), (3600, "1 h"), (187200, "2 d 4 h"),
    ],
)  # fmt: skip
def test_spans(seconds: float | None, text: str) -> None:
    """A span of time has at most two units."""
    assert span(seconds) == text


def test_sizes_and_counts() -> None:
    """Bytes have the unit that fits, numbers their thousands apart."""
    assert [size(n) for n in (0, 1023, 1536, 20 << 20)] == ["0 B", "1023 B", "1.5 KiB", "20 MiB"]
    assert [count(n) for n in (0, 1204, 0.5)] == ["0", "1,204", "0.5"]
    assert ms(3.25) == "3.2 ms"


def test_times() -> None:
    """A time is told from now, before and after."""
    now = datetime.now(UTC)
    assert relative(now - timedelta(seconds=90)) == "1 min 30 s ago"
    assert relative(now + timedelta(hours=2, seconds=30)) == "in 2 h"
    assert relative(now) == "now"


def test_nothing_in_foreign_text_is_hidden() -> None:
    """Controls and marks that turn the direction of writing are written out."""
    assert visible("a\0b\u202egnp\u200b\x9f\ud800") == "a␀b\\u202egnp\\u200b\\u009f\\ud800"
    assert visible("lines\r\nand\ttabs\n") == "lines\nand\ttabs\n"


def test_a_policy() -> None:
    """A retry policy is told in words, without what it leaves out."""
    told = policy({
        "strategy": "schedule", "delays_seconds": [10.0, 3600.0], "jitter": 0.0, "multiplier": 2.5,
        "interval_seconds": None, "on": ["5xx", 429],
    })  # fmt: skip
    assert told == [
        ("strategy", "schedule"), ("delays", "10 s, 1 h"), ("multiplier", "2.5"),
        ("on", "5xx, 429"),
    ]  # fmt: skip


def test_long_text_is_cut() -> None:
    """Text that is cut says so, and has no more than the length asked for."""
    assert cut("a" * 1_000_000, 10) == "a" * 9 + "…"
    assert cut("short", 10) == "short"
