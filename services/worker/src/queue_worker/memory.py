"""The memory that the process may use, and the bytes of tasks that fit into it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["bytes_in_flight", "memory_limit"]

BASE_BYTES = 112 << 20
"""Memory of a worker with WORKER_MAX_IN_FLIGHT small tasks in flight and one claim's reply."""
MEMORY_PER_BYTE = 2
"""Memory per byte of a task in flight. Measured are 1.0 to 1.4; the rest is for memory that the
allocator cannot reuse immediately."""
MIN_BYTES = 16 << 20
MAX_UNLIMITED = 1 << 30
"""Without a limit the machine is shared: the worker uses at most this, and at most a quarter of its
memory."""
_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def bytes_in_flight() -> int:
    """Return the default of WORKER_MAX_IN_FLIGHT_BYTES for the memory that the process may use."""
    return max((memory_limit() - BASE_BYTES) // MEMORY_PER_BYTE, MIN_BYTES)


def memory_limit(root: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Return the lowest limit of the process' cgroups (v1 or v2), else a share of the machine's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Version 1 uses a number larger than any machine's memory for no limit.
    limits = [limit for limit in _limits(root, own) if limit < machine]
    return min(limits, default=min(machine // 4, MAX_UNLIMITED))


def _limits(root: Path, own: Path) -> list[int]:
    """Return the limits of the process' own groups and of all groups above them."""
    found = []
    for folder, name in ((root, "memory.max"), (root / "memory", "memory.limit_in_bytes")):
        for path in _paths(own):
            # In a container, its own group appears as the root.
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
    # Version 2 has one line without controllers; version 1 has one for memory.
    return ["", *(p[2].lstrip("/") for p in parts if len(p) == 3 and p[1] in {"", "memory"})]


def _read(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdecimal() else []
