"""What the connections of a process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .buffered import BufferedBytes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Limits", "SharedLimits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take of the process (``HttpSettings`` says it in full)."""

    max_head_bytes: int
    head_seconds: float
    body_seconds: float
    body_min_rate: int
    max_connections: int
    max_buffered_bytes: int
    max_pipelined_bytes: int


class SharedLimits:
    """What the connections of a process share."""

    def __init__(self, limits: Limits, count_refusal: Callable[[str], None]) -> None:
        self.values = limits
        self.buffered = BufferedBytes(limits.max_buffered_bytes)
        self.count_refusal = count_refusal
