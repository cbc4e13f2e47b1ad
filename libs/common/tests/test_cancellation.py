from __future__ import annotations

import asyncio

from queue_common.cancellation import cancel_and_wait


async def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    """A task that swallows a cancellation, as a library may, is asked again until it ends."""
    lost: list[str] = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("once")

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    await asyncio.wait_for(cancel_and_wait([task]), 10)

    assert task.cancelled()
    assert lost == ["once"]


async def test_what_ended_tasks_raised_is_taken() -> None:
    """Tasks that have failed or ended before disturb neither the wait nor the log."""

    async def failing() -> None:
        raise ZeroDivisionError

    async def ending() -> None:
        pass

    tasks = [asyncio.create_task(failing()), asyncio.create_task(ending())]
    await asyncio.wait(tasks)

    await cancel_and_wait(tasks)

    assert all(task.done() for task in tasks)
