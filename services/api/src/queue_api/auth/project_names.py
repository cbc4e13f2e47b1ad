"""The rule for project names."""

from __future__ import annotations

import re

__all__ = ["check_project_name"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


def check_project_name(name: str) -> str:
    """Return the name; raises ValueError if it is invalid."""
    if not _NAME.fullmatch(name):
        msg = "should be 1 to 63 characters of a-z, 0-9, '.', '_', '-', first and last of a-z, 0-9"
        raise ValueError(msg)
    return name
