"""Finds names that occur twice in a JSON text: gateways in front may have read the other one."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["duplicate_name"]


def duplicate_name(text: bytes) -> str | None:
    """Return the first name that an object in ``text``, JSON, has twice."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.append(next(name for i, name in enumerate(names) if name in names[:i]))

    # Numbers are not converted: Python refuses very long ones.
    json.loads(text, object_pairs_hook=note, parse_int=str)
    return found[0] if found else None
