"""Times, sizes and foreign text as people read them: the filters of the templates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FILTERS"]

NOTHING = "\N{EN DASH}"
MINUTE, HOUR, DAY = 60, 3600, 86400
MAX_SHOWN: Final = 16_384
"""Characters of a body that a page shows; the rest is a download."""

# What would change the order of the text around it, or be invisible.
_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u061c\x7f-\x9f\ud800-\udfff]")
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}


def visible(text: object) -> str:
    r"""Return foreign text in which nothing is hidden: controls and direction marks written out.

    A NUL becomes ``␀``, a right-to-left override ``\u202e``.
    """
    shown = str(text).replace("\r\n", "\n").translate(_CONTROLS)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", shown)


def cut(text: object, length: int = 160) -> str:
    """Return foreign text, visible, with at most ``length`` characters."""
    whole = str(text)
    return visible(whole if len(whole) <= length else whole[: length - 1] + "…")


def span(seconds: float | None) -> str:
    """Return a span of time in one or two units: ``340 ms``, ``3 min 5 s``, ``2 d 4 h``."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(seconds: int, big: int, big_name: str, small: int, small_name: str) -> str:
    rest = seconds % big // small
    return f"{seconds // big} {big_name}" + (f" {rest} {small_name}" if rest else "")


def ms(milliseconds: float | None) -> str:
    """Return milliseconds as a span."""
    if milliseconds is None:
        return NOTHING
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else span(milliseconds / 1000)


def relative(at: datetime | None) -> str:
    """Return how long ago something was, or in how long it will be."""
    if at is None:
        return NOTHING
    seconds = (datetime.now(UTC) - at).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{span(round(seconds))} ago" if seconds > 0 else f"in {span(round(-seconds))}"


def utc(at: datetime) -> str:
    """Return a time in full, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{at.microsecond // 1000:03d} UTC"


def iso(at: datetime) -> str:
    """Return a time as machines read it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size(number: float | None) -> str:
    """Return bytes in the unit that fits."""
    if number is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def count(number: float | None) -> str:
    """Return a number with its thousands apart."""
    if number is None:
        return NOTHING
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.2f}".rstrip("0")


def outcome(name: str | None) -> str:
    """Return an outcome's name as words."""
    return visible((name or NOTHING).replace("_", " "))


def policy(retry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a retry policy's settings as names and words; without those that say nothing."""
    return [
        (name.removesuffix("_seconds").replace("_", " "), cut(_setting(name, value), 80))
        for name, value in retry.items()
        if value not in (None, [], {}, 0)
    ]


def _setting(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    values = value if isinstance(value, list) else [value]
    if name.endswith("_seconds"):
        return ", ".join(span(float(one)) for one in values)
    return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)


FILTERS = {
    "visible": visible, "cut": cut, "span": span, "ms": ms, "relative": relative, "utc": utc,
    "iso": iso, "size": size, "count": count, "outcome": outcome, "policy": policy,
}  # fmt: skip
