"""Measures the phases of an attempt, which the HTTP client reports."""

from __future__ import annotations

import time

__all__ = ["Phases"]

_PARTS = {"resolve": 0, "connect": 1, "tls": 2}


class Phases:
    """The HTTP client sets the current phase (``Progress``), and the address."""

    def __init__(self) -> None:
        self._phase = "connect"
        self._begins: list[tuple[str, float]] = []
        self.address: str | None = None
        """``address:port`` of the connection; None without one, or with a proxy."""
        self.first_byte_at = 0.0
        """The time of the response's first byte, by ``perf_counter``; 0 if there is none."""

    @property
    def phase(self) -> str:
        """The current phase."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        self._phase = name
        self._begins.append((name, time.perf_counter()))

    def measured_us(self, now: float) -> tuple[int, int, int, int]:
        """Return ``Attempt.phases_us``. The current phase ends at ``now``.

        If the request was sent again over a new connection, only the second one counts.
        """
        found = [-1, -1, -1, -1]
        begins = self._begins
        for i, (name, begin) in enumerate(begins):
            end = begins[i + 1][1] if i + 1 < len(begins) else now
            if name == "answer":
                if self.first_byte_at > begin:
                    found[3] = round((self.first_byte_at - begin) * 1e6)
            elif name in _PARTS:
                found[_PARTS[name]] = round((end - begin) * 1e6)
        return found[0], found[1], found[2], found[3]
