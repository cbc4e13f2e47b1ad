from __future__ import annotations

import asyncio

import pytest

from queue_testing import wait_until
from queue_testing.receiver import Receiver

from .orders import Orders
from .system import System
from .test_kills import SECONDS, kill_at_random

ORDERS_A_SECOND = 100


@pytest.mark.timeout(SECONDS + 180)
async def test_keys_and_callbacks_survive_kills(system: System) -> None:
    """Of requests that are repeated until answered, each makes one task with one callback."""
    kills: list[float] = []
    seconds = min(SECONDS, 60)
    async with Receiver() as receiver:
        receiver.respond_with("/gone", [410])
        orders = Orders(receiver)
        load = orders.send(system.tasks_url, a_second=ORDERS_A_SECOND, seconds=seconds)
        await asyncio.gather(load, kill_at_random(system, seconds - 5, kills))

        await wait_until(lambda: not orders.lost(), "all orders arrived", 90)
        await wait_until(lambda: not orders.untold(), "all callbacks arrived", 90)

        print(  # noqa: T201 - the figures of the run
            f"\n{len(orders.task_ids)} orders, {orders.repeated} repetitions, {len(kills)} kills:"
            f" {len(orders.lost())} lost, {len(orders.doubled())} made two tasks,"
            f" {len(orders.disagreeing)} were answered with two;"
            f" callbacks: {len(orders.untold())} lost, {len(orders.told_twice())} doubled"
        )
        assert len(orders.task_ids) == int(ORDERS_A_SECOND * seconds)
        assert not orders.lost() | set(orders.doubled()) | set(orders.disagreeing)
        assert not orders.untold()
        assert not orders.told_twice()
