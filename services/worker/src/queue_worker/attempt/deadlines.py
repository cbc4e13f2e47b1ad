"""Cutting attempts short that take too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """The end of one attempt's time, in the task that makes it."""

    __slots__ = ("at", "passed", "task", "timers")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at = at
        """By the loop's clock."""
        self.task = task
        self.passed = False
        """Set as the task is cancelled for it."""
        self.timers: tuple[asyncio.TimerHandle, ...] = ()
        """Its own, if its length is its own."""

    def end(self) -> None:
        """Cancel the task."""
        self.passed = True
        self.task.cancel()

    def end_if(self, hangs: Callable[[], bool]) -> None:
        """Cancel the task if it hangs, unless its time is over already."""
        if not self.passed and hangs():
            self.end()


class Deadlines:
    """Deadlines of equal length over one timer, and others with a timer of their own.

    What asyncio.timeout does, at a fifth of its price: it arms and disarms a timer an attempt. Here
    deadlines of equal length lie in the order in which they pass.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept from the first attempt on: up to Python 3.11 asking for the running one takes a
        system call."""

    def begin(
        self, seconds: float | None = None, hangs: Callable[[], bool] | None = None
    ) -> Deadline:
        """Return the deadline of the running task, which is cancelled when it passes.

        It is ``seconds`` away; None: the usual length. If that is longer than usual, the task is
        cancelled after the usual length too if ``hangs`` then says so.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - attempts are made in tasks
        if seconds is not None:
            return self._begin_own(loop, task, seconds, hangs)
        deadline = Deadline(loop.time() + self._seconds, task)
        self._open[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.at, self._expire)
        return deadline

    def _begin_own(
        self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[object], seconds: float,
        hangs: Callable[[], bool] | None,
    ) -> Deadline:  # fmt: skip
        deadline = Deadline(loop.time() + seconds, task)
        timers = [loop.call_at(deadline.at, deadline.end)]
        if hangs is not None and seconds > self._seconds:
            timers.append(loop.call_later(self._seconds, deadline.end_if, hangs))
        deadline.timers = tuple(timers)
        return deadline

    def end(self, deadline: Deadline) -> bool:
        """Take the deadline back; say whether it alone had the task cancelled.

        The caller then goes on as after a timeout. False: it has not passed, or somebody else wants
        the task cancelled too.
        """
        for timer in deadline.timers:
            timer.cancel()
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
            first.end()
