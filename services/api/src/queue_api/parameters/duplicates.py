"""Finds names that occur twice in a JSON text: gateways in front may have read the other one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["duplicate_name"]


class _Object(list[tuple[str, Any]]):
    """An object's names and values, as they are written."""


def duplicate_name(text: bytes) -> str | None:
    """Return the path, such as ``retry.jitter``, of a name that an object in ``text`` has twice."""
    has_any = False

    def note(pairs: list[tuple[str, Any]]) -> _Object:
        nonlocal has_any
        has_any = has_any or len({name for name, _ in pairs}) < len(pairs)
        return _Object(pairs)

    # Numbers are not converted: Python refuses very long ones.
    value = json.loads(text, object_pairs_hook=note, parse_int=str)
    return next(_paths(value), None) if has_any else None


def _paths(value: object) -> Iterator[str]:
    """Yield the paths of names that come twice."""
    if isinstance(value, _Object):
        seen: set[str] = set()
        for name, inner in value:
            if name in seen:
                yield name
            seen.add(name)
            for path in _paths(inner):
                yield f"{name}{path}" if path.startswith("[") else f"{name}.{path}"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for path in _paths(inner):
                yield f"[{index}]{path}" if path.startswith("[") else f"[{index}].{path}"
