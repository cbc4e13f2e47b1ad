"""How much memory the process may use, and how many bytes of tasks fit into it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["bytes_in_flight", "memory_limit"]

BASE_BYTES = 112 << 20
"""What a worker takes with WORKER_MAX_IN_FLIGHT small tasks in flight, and one claim's reply."""
MEMORY_PER_BYTE = 2
"""Measured is 1.0 to 1.4 for each byte of a task in flight; the rest is for what the allocator
cannot use again at once."""
MIN_BYTES = 16 << 20
MAX_UNLIMITED = 1 << 30
"""A machine without a limit is shared: at most a quarter of its memory is used, and this."""
_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def bytes_in_flight() -> int:
    """Return the default of WORKER_MAX_IN_FLIGHT_BYTES for the memory that the process may use."""
    return max((memory_limit() - BASE_BYTES) // MEMORY_PER_BYTE, MIN_BYTES)


def memory_limit(root: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Return the least limit of the process' cgroups (v1 or v2), else a part of the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Without a limit, version 1 has a number that no machine reaches.
    limits = [limit for limit in _limits(root, own) if limit < machine]
    return min(limits, default=min(machine // 4, MAX_UNLIMITED))


def _limits(root: Path, own: Path) -> list[int]:
    """Return the limits of the process' own groups and of all above them."""
    found = []
    for folder, name in ((root, "memory.max"), (root / "memory", "memory.limit_in_bytes")):
        for path in _paths(own):
            # In a container its own group shows as the root.
            for group in [folder / path, *(folder / path).parents]:
                if group.is_relative_to(folder):
                    found += _read(group / name)
    return found


def _paths(own: Path) -> list[str]:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return [""]
    parts = [line.split(":", 2) for line in lines]
    # Version 2 has one line with no controllers; version 1 one for memory.
    return ["", *(p[2].lstrip("/") for p in parts if len(p) == 3 and p[1] in {"", "memory"})]


def _read(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []
