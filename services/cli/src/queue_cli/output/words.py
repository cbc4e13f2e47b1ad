"""Times, durations and sizes for people."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["age", "bytes_", "count", "duration", "printable", "when"]

UNITS = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]


def duration(seconds: float | None) -> str:
    """Return such as ``1.2 s``, ``3 min``, ``2 d``."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    unit, name = next((unit, name) for unit, name in UNITS if seconds >= unit)
    return f"{seconds / unit:.0f} {name}"


def when(at: datetime | None) -> str:
    """Return a time as seen from now, such as ``3 min ago`` or ``in 10 s``."""
    if at is None:
        return ""
    seconds = (at - datetime.now(UTC)).total_seconds()
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(-seconds)} ago"


def age(seconds: float | None) -> str:
    """Return how old something is; nothing if there is nothing."""
    return "" if seconds is None else duration(seconds)


def bytes_(size: int | None) -> str:
    """Return such as ``1.5 MiB``."""
    if size is None:
        return ""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return ""


def count(number: float | None) -> str:
    """Return a number with its thousands apart; nothing for None."""
    return "" if number is None else f"{number:,}"


def printable(text: str) -> str:
    """Return text that no terminal takes for a command; URLs and bodies are strangers' words."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)
