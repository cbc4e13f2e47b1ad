"""The hosts that a key's tasks may go to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from queue_common.lanes import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from queue_common.task import Task

__all__ = ["HostList", "check_host_pattern", "hosts_of"]

_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\]")


def check_host_pattern(pattern: str) -> str:
    """Return a host or ``*.suffix`` in lower case; raises ValueError for anything else."""
    lower = pattern.lower().removesuffix(".")
    if not _PATTERN.fullmatch(lower):
        msg = "should be a host such as hooks.example.com or *.example.com"
        raise ValueError(msg)
    return lower


def hosts_of(task: Task) -> list[str]:
    """Return the hosts that a task's requests go to: its own and its callback's."""
    callback = task.options.callback if task.options is not None else None
    urls = [task.url] if callback is None else [task.url, callback.url]
    return [host_of(url) for url in urls]


class HostList:
    """Hosts and ``*.suffix`` patterns. A pattern does not match the suffix itself."""

    __slots__ = ("_names", "_suffixes", "patterns")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        self._names = frozenset(p for p in self.patterns if not p.startswith("*."))
        self._suffixes = tuple(p[1:] for p in self.patterns if p.startswith("*."))

    def allows(self, host: str) -> bool:
        """Return whether a host (IPv6 in brackets) is listed."""
        name = host.lower().removesuffix(".")
        return name in self._names or name.endswith(self._suffixes)
