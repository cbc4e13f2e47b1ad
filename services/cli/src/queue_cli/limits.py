"""Limits in options: a number, or none."""

from __future__ import annotations

from collections.abc import Mapping

from .failures import USAGE, CommandError

__all__ = ["read_limits"]


def read_limits(
    given: Mapping[str, tuple[str | None, type[int | float]]],
) -> dict[str, float | None]:
    """Return the limits that are given; the word none removes one."""
    return {
        name: _number(name, text, read) for name, (text, read) in given.items() if text is not None
    }


def _number(name: str, text: str, read: type[int | float]) -> float | None:
    if text == "none":
        return None
    try:
        return read(text.removesuffix("/s"))
    except ValueError:
        option = name.replace("_", "-")
        msg = f"--{option} should be a number or none, not {text!r}"
        raise CommandError(msg, USAGE) from None
