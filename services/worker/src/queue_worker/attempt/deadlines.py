"""Time limits of attempts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """The time limit of one attempt."""

    __slots__ = ("at", "passed", "task", "timers")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at = at
        """By the loop's clock."""
        self.task = task
        self.passed = False
        """Set when the deadline cancels the task."""
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

    Does what asyncio.timeout does at a fifth of its cost, because attempts of equal length need no
    timer each: their deadlines are kept in the order in which they pass.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Cached: up to Python 3.11, asyncio.get_running_loop takes a system call."""

    def begin(
        self, seconds: float | None = None, hangs: Callable[[], bool] | None = None
    ) -> Deadline:
        """Return a new deadline for the running task, which is cancelled when it passes.

        It passes after ``seconds`` (None: the usual length). If that is longer than usual, the task
        is also cancelled after the usual length if ``hangs`` then returns True.
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
        """End the deadline; return whether it has cancelled the task, and nothing else has.

        If so, the caller treats the cancellation as a timeout.
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
