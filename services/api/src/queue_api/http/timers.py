"""Deadlines of a connection's states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import refusals
from .parsing import ParsingProtocol

if TYPE_CHECKING:
    from .lingering_close import LingeringClose
    from .shared import Limits

__all__ = ["TimedProtocol"]


class TimedProtocol(ParsingProtocol):
    """The parsing protocol with one timer for the deadline of the connection's state.

    ``LimitedProtocol`` lists the states and what ends each.
    """

    def __init__(self, limits: Limits, *args: Any, **named: Any) -> None:  # noqa: ANN401
        self._limits = limits
        self._body_bytes = 0
        self._state_began_at = 0.0
        """When the state head or body began, by the loop's clock."""
        self._unread_since = 0.0
        """Since when the client does not read its response, by the loop's clock."""
        self._idle_since: float | None = None
        self._is_new = True
        self._closing: LingeringClose | None = None
        super().__init__(*args, **named)

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read its response."""
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._arm_timer()

    def _deadline(self) -> float | None:
        """Return the time at which the current state has lasted too long; None if it may last."""
        limits = self._limits
        if self._closing is not None and self._closing.has_begun:
            return None
        if self._is_reading_body():
            return (
                self._state_began_at + limits.body_seconds + self._body_bytes / limits.body_min_rate
            )
        if self._head_bytes:
            return self._state_began_at + limits.head_seconds
        if self._idle_since is not None:
            return self._idle_since + (
                limits.head_seconds if self._is_new else self.timeout_keep_alive
            )
        return self._unread_since + self.timeout_keep_alive if self.flow.write_paused else None

    def _is_reading_body(self) -> bool:
        return self._in_body

    def _arm_timer(self) -> None:
        """Arm the timer for the deadline of the current state.

        A timer that fires earlier stays: it then checks the deadline again.
        """
        deadline = self._deadline()
        if deadline is None or self.transport.is_closing():
            return
        timer = self.timeout_keep_alive_task
        if timer is not None and timer.when() <= deadline:
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(deadline, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if its state has lasted too long."""
        self.timeout_keep_alive_task = None
        deadline = self._deadline()
        if deadline is None or deadline > self.loop.time():
            self._arm_timer()
        elif self._is_reading_body():
            self._refuse(refusals.BODY_TIMEOUT)
        elif self._head_bytes:
            self._refuse(refusals.HEAD_TIMEOUT)
        elif self._idle_since is not None:
            self.transport.close()
        else:
            self.transport.abort()
