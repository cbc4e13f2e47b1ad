"""Deadlines: the end of an attempt's time, told apart from a cancellation."""

from __future__ import annotations

import asyncio
import time

import pytest

from queue_worker.attempt.deadlines import Deadlines


async def run(
    deadlines: Deadlines, waits_for: asyncio.Future[None], seconds: float | None = None,
    *, hangs: bool = False,
) -> str:  # fmt: skip
    deadline = deadlines.begin(seconds, lambda: hangs)
    try:
        await waits_for
    except asyncio.CancelledError:
        if deadlines.end(deadline):
            return "timed out"
        raise
    deadlines.end(deadline)
    return "done"


async def test_each_passes_in_its_turn() -> None:
    """Every attempt that hangs is ended, those that are done are not, over one timer."""
    deadlines = Deadlines(0.05)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    now: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    now.set_result(None)

    first = [run(deadlines, asyncio.shield(never)), run(deadlines, now)]
    begun = asyncio.gather(*first)
    await asyncio.sleep(0)

    assert await begun == ["timed out", "done"]
    assert await run(deadlines, asyncio.shield(never)) == "timed out"


async def test_a_cancellation_is_no_timeout() -> None:
    """A task that is cancelled from outside stays cancelled, before its deadline."""
    deadlines = Deadlines(30)
    task = asyncio.create_task(run(deadlines, asyncio.get_running_loop().create_future()))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_deadline_is_kept() -> None:
    """A task that is cancelled in the same breath as its deadline passes is cancelled."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(0.01)
    task = asyncio.create_task(run(deadlines, loop.create_future()))
    await asyncio.sleep(0)
    loop.call_at(loop.time() + 0.01, task.cancel)
    await asyncio.sleep(0)
    # The loop runs both timers in one turn once it has been held up beyond them.
    end = loop.time() + 0.03
    while time.monotonic() < end:
        pass

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_goes_on_after_its_timeout() -> None:
    """After a timeout the task is as if it had never been cancelled: it can wait again."""
    deadlines = Deadlines(0.01)
    result = await run(deadlines, asyncio.get_running_loop().create_future())
    await asyncio.sleep(0)

    task = asyncio.current_task()
    assert result == "timed out"
    assert task is not None
    assert task.cancelling() == 0


async def test_a_length_of_its_own() -> None:
    """An attempt with a length of its own ends in its time, among others of the usual one."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    now: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    now.set_result(None)
    long, short = Deadlines(30), Deadlines(0.01)

    assert await run(long, asyncio.shield(never), 0.01) == "timed out"
    assert await run(long, now, 0.01) == "done"
    later = asyncio.create_task(run(short, asyncio.shield(never), 30))
    assert await run(short, asyncio.shield(never)) == "timed out"
    assert not later.done()
    later.cancel()


async def test_a_long_attempt_that_hangs_ends_after_the_usual_length() -> None:
    """A long timeout is for the response; connecting must succeed within the usual time."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    assert await run(Deadlines(0.01), asyncio.shield(never), 30, hangs=True) == "timed out"
