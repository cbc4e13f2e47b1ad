"""How long the phases of an attempt take, measured as the transport names them."""

from __future__ import annotations

import time

__all__ = ["Phases"]

_PARTS = {"resolve": 0, "connect": 1, "tls": 2}


class Phases:
    """Told by the transport which phase begins (``Progress``), and by whom it is answered."""

    def __init__(self) -> None:
        self._phase = "connect"
        self._begins: list[tuple[str, float]] = []
        self.address: str | None = None
        """``address:port`` of the connection; None: there was none, or a proxy was between."""
        self.first_byte_at = 0.0
        """When the answer's first byte came, by ``perf_counter``; 0: none has come."""

    @property
    def phase(self) -> str:
        """The phase that the attempt is in."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        self._phase = name
        self._begins.append((name, time.perf_counter()))

    def measured_us(self, now: float) -> tuple[int, int, int, int]:
        """Return what ``Attempt.phases_us`` holds; a phase that goes on has lasted until ``now``.

        If the request was sent again over a new connection, the second time counts.
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
