from __future__ import annotations

import asyncio
import os
import random
import time

import pytest

from queue_testing import wait_until
from queue_testing.receiver import CannedResponse, Receiver

from .ledger import Ledger
from .processes import Process
from .system import System

SECONDS = float(os.environ.get("CHAOS_SECONDS", "120"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
TASKS_A_SECOND = 200
LEASE_SECONDS = 15.0


async def kill_at_random(system: System, seconds: float, kills: list[float]) -> None:
    """Kill one process after the other and start it again within a second or two."""
    choice = random.Random(SEED)  # noqa: S311 - an order that can be repeated
    end = time.monotonic() + seconds
    round_: list[Process] = []
    while time.monotonic() < end:
        await asyncio.sleep(choice.uniform(2, 5))
        # Each in turn, in an order that changes with each round.
        round_ = round_ or choice.sample([*system.workers, system.api, system.redis], 4)
        victim = round_.pop()
        await victim.kill()
        kills.append(time.monotonic())
        await asyncio.sleep(choice.uniform(0.1, 2))
        if victim is system.redis:
            await system.start_redis()
        else:
            await victim.start()


@pytest.mark.timeout(SECONDS + 180)
async def test_kills_in_random_order_lose_nothing(system: System) -> None:
    """With workers, API and Valkey killed under load, each accepted task arrives."""
    kills: list[float] = []
    async with Receiver() as receiver:
        ledger = Ledger(receiver)
        load = ledger.load(system.tasks_url, a_second=TASKS_A_SECOND, seconds=SECONDS)
        await asyncio.gather(load, kill_at_random(system, SECONDS - 5, kills))

        await wait_until(lambda: not ledger.missing(), "all that was accepted arrived", 90)

        processes = (system.api, system.redis, *system.workers)
        repeated = ledger.repeated()
        print(  # noqa: T201 - the figures of the run
            f"\n{len(ledger.accepted)} accepted, {ledger.refused} refused (503),"
            f" {ledger.unanswered} unanswered, {len(ledger.missing())} lost,"
            f" {len(repeated)} arrived more than once;"
            f" kills: {', '.join(f'{p.name} {p.kills}' for p in processes)}"
        )
        assert not ledger.missing()
        for arrivals in repeated.values():
            assert any(arrivals[0].at <= kill + 1 for kill in kills)


@pytest.mark.timeout(120)
async def test_a_killed_workers_tasks_come_back_within_15_seconds(system: System) -> None:
    """Of a worker killed with 100 requests in flight, all are made again by another in 15 s."""
    async with Receiver() as receiver:
        receiver.respond_with("/slow", [CannedResponse(hangs=True)])
        await system.workers[1].kill()
        ledger = Ledger(receiver)
        async with asyncio.TaskGroup() as posts:
            for _ in range(100):
                posts.create_task(ledger.post_one(system.tasks_url, f"{receiver.url}/slow"))
        await wait_until(lambda: len(receiver.to("/slow")) == 100, "100 are in flight", 30)
        await system.workers[1].start()
        await wait_until(
            lambda: system.workers[1].log().count("worker.ready") == 2, "the other is ready", 30
        )

        await system.workers[0].kill()
        killed_at = time.monotonic()
        await wait_until(lambda: len(receiver.to("/slow")) == 200, "all came back", 30)

        took = max(request.at for request in receiver.to("/slow")) - killed_at
        print(f"\n100 of 100 tasks came back, the last after {took:.1f} s")  # noqa: T201
        assert set(ledger.arrivals().values()) == {2}
        assert took < LEASE_SECONDS + 1
