"""Cutting attempts short that take too long."""

from __future__ import annotations

import asyncio

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """The end of one attempt's time, in the task that makes it."""

    __slots__ = ("at", "passed", "task")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at = at
        """By the loop's clock."""
        self.task = task
        self.passed = False
        """Set as the task is cancelled for it."""


class Deadlines:
    """Deadlines of equal length over one timer.

    What asyncio.timeout does, at a fifth of its price: it arms and disarms a timer an attempt. Here
    the deadlines lie in the order in which they pass.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept from the first attempt on: up to Python 3.11 asking for the running one takes a
        system call."""

    def begin(self) -> Deadline:
        """Return the deadline of the running task, which is cancelled when it passes."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - attempts are made in tasks
        deadline = Deadline(loop.time() + self._seconds, task)
        self._open[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.at, self._expire)
        return deadline

    def end(self, deadline: Deadline) -> bool:
        """Take the deadline back; say whether it alone had the task cancelled.

        The caller then goes on as after a timeout. False: it has not passed, or somebody else wants
        the task cancelled too.
        """
        self._open.pop(deadline, None)
        return deadline.passed and deadline.task.uncancel() == 0

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._open:
            first = next(iter(self._open))
            if first.at > loop.time():
                self._timer = loop.call_at(first.at, self._expire)
                return
            del self._open[first]
            first.passed = True
            first.task.cancel()
