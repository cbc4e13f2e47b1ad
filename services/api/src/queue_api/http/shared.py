"""State that all connections of a process share: limits, and a count of buffered bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BufferedBytes", "Holder", "Limits", "SharedLimits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of connections; ``HttpSettings`` describes each."""

    max_head_bytes: int
    head_seconds: float
    body_seconds: float
    body_min_rate: int
    max_connections: int
    max_buffered_bytes: int
    max_pipelined_bytes: int


class Holder(Protocol):
    """A connection with an incomplete request."""

    def may_be_refused(self) -> bool:
        """Whether its request is still incomplete: a complete one may already be stored."""
        ...

    def refuse_buffered(self) -> None:
        """Refuse its request, and release its bytes."""
        ...


class BufferedBytes:
    """Counts the bytes of incomplete requests, and refuses the largest if they are too many.

    The largest and not the latest, so that many slow bodies cannot keep out small requests.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._total = 0
        self._held: dict[Holder, int] = {}

    def add(self, holder: Holder, size: int) -> None:
        """Count bytes that a connection has read."""
        self._held[holder] = self._held.get(holder, 0) + size
        self._total += size
        if self._total > self._max_bytes:
            self._refuse_largest()

    def held_by(self, holder: Holder) -> int:
        """Return the bytes of a connection."""
        return self._held.get(holder, 0)

    def is_too_large(self, holder: Holder) -> bool:
        """Return whether a connection's bytes are too many by themselves."""
        return self.held_by(holder) > self._max_bytes

    def subtract(self, holder: Holder, size: int) -> None:
        """Stop counting some of a connection's bytes."""
        held = self.held_by(holder)
        if held:  # else its bytes were released meanwhile
            removed = min(size, held)
            self._held[holder] = held - removed
            self._total -= removed

    def release(self, holder: Holder) -> None:
        """Stop counting a connection's bytes."""
        self._total -= self._held.pop(holder, 0)

    def _refuse_largest(self) -> None:
        refusable = [holder for holder in self._held if holder.may_be_refused()]
        if refusable:
            max(refusable, key=self._held.__getitem__).refuse_buffered()


class SharedLimits:
    """The limits and counters that all connections share."""

    def __init__(self, limits: Limits, count_refusal: Callable[[str], None]) -> None:
        self.values = limits
        self.buffered = BufferedBytes(limits.max_buffered_bytes)
        self.count_refusal = count_refusal
