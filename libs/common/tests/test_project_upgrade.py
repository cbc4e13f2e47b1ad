"""A rolling upgrade: processes of the previous release beside ours, on one Redis."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from queue_common.lanes import lane_in
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key
from queue_common.retry import Done, RetryAt
from queue_common.settings import QueueSettings
from queue_common.task import Outcome, State
from queue_testing import RedisServer
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, an_attempt

from .previous_release import PreviousRelease

NOT_OF_SCRIPTS = {"cmdstat_eval", "cmdstat_evalsha", "cmdstat_info", "cmdstat_config|resetstat"}
LANES = ["a", "b", *(lane_in(project, lane) for project in ("one", "two") for lane in "ab")]


@pytest.fixture
def previous(scripted: ScriptedQueue, queue_settings: QueueSettings) -> PreviousRelease:
    """A process of the previous release on the test's queue."""
    return PreviousRelease(scripted.raw, queue_settings.queue_name)


async def _drain(queue: ScriptedQueue) -> list[str]:
    delivered = []
    while claims := await queue.claim("new", 50):
        for claim in claims:
            assert await queue.settle(claim, Done())
            delivered.append(str(claim.task_id))
    return delivered


async def test_lanes_that_the_previous_release_placed_are_served(
    scripted: ScriptedQueue, previous: PreviousRelease
) -> None:
    """Lanes of a project that stand in the rings of the previous release are served by ours."""
    await scripted.register("new", 1000)
    for number, lane in enumerate(LANES):
        await previous.submit(str(number), a_task(lane=lane))

    assert sorted(await _drain(scripted)) == [str(number) for number in range(len(LANES))]
    await scripted.inspector.check()


async def test_previous_release_serves_what_it_knows(
    scripted: ScriptedQueue, previous: PreviousRelease
) -> None:
    """A worker of the previous release serves lanes of ``default``; ours do the rest."""
    await scripted.register("new", 1000)
    await previous.register("old")
    for number, lane in enumerate(LANES):
        await scripted.submit(str(number), a_task(lane=lane))
    taken = await previous.claim("old", 50)
    for task_id in taken:
        await previous.settle("old", task_id, delivers=True)

    assert sorted(taken) == ["0", "1"]
    assert sorted(await _drain(scripted)) == ["2", "3", "4", "5"]


async def test_renewal_wakes_for_what_the_previous_release_left(
    scripted: ScriptedQueue, previous: PreviousRelease
) -> None:
    """A wake-up token that went to a worker of the previous release is followed by another."""
    await scripted.register("new", 1000)
    await previous.register("old")
    await scripted.submit("1", a_task(lane=lane_in("one", "a")))
    await scripted.raw.delete(scripted.keys.of(Key.WAKE))
    assert await previous.claim("old", 50) == []
    await scripted.renew("new")

    assert await reply(scripted.raw.llen(scripted.keys.of(Key.WAKE))) == 1


async def test_tasks_that_the_previous_release_reaped_hold_no_project_up(
    scripted: ScriptedQueue, previous: PreviousRelease
) -> None:
    """A project at its limit is counted again at a renewal, and goes on."""
    await scripted.register("new", 1000)
    await scripted.register("dies", 1000)
    await reply(scripted.raw.hset(scripted.keys.of(Key.PROJECT, "one"), "max_in_flight", "1"))
    for number in range(3):
        await scripted.submit(str(number), a_task(lane=lane_in("one", str(number))))
    assert len(await scripted.claim("dies")) == 1
    await scripted.expire("dies")
    await previous.reap()
    # The task that was reaped stands in a ring of the previous release.
    (claim,) = await scripted.claim("new", 1)
    await scripted.settle(claim, Done())
    assert await scripted.claim("new", 1) == []
    await scripted.renew("new")

    assert len(await _drain(scripted)) == 2


async def test_default_alone_costs_what_it_did(
    start_server: Callable[..., RedisServer], queue_settings: QueueSettings
) -> None:
    """Without projects, tasks take the commands that they take in the previous release."""
    # A server of its own: on the shared one, processes of other tests run commands too.
    client = Redis(port=start_server().port)
    scripted = ScriptedQueue(client, queue_settings.queue_name, result_ttl_ms=0)
    previous = PreviousRelease(client, queue_settings.queue_name)
    await scripted.register("new", 1000)
    tasks = [(str(number), a_task(lane=f"lane-{number % 4}")) for number in range(20)]

    async def ours() -> None:
        await scripted.submit_all(tasks)
        for claim in await scripted.claim("new", 20):
            await scripted.settle(claim, Done())

    async def theirs() -> None:
        await previous.submit_all(tasks)
        for task_id in await previous.claim("new", 20):
            await previous.settle("new", task_id, delivers=True)

    await ours()  # the server learns the scripts, the lanes are proven
    assert await _commands(client, ours) == await _commands(client, theirs)
    await client.aclose()


async def _commands(client: Redis, run: Callable[[], Awaitable[None]]) -> Counter[str]:
    await client.config_resetstat()
    await run()
    stats = await client.info("commandstats")
    calls = Counter({name: int(found["calls"]) for name, found in stats.items()})
    return Counter({name: n for name, n in calls.items() if name not in NOT_OF_SCRIPTS})


class _Mixed:
    """Moves of both releases in a random order."""

    def __init__(self, queue: ScriptedQueue, previous: PreviousRelease, seed: int) -> None:
        self.queue, self.previous, self.random = queue, previous, random.Random(seed)  # noqa: S311
        self.submitted: list[str] = []
        self.delivered: list[str] = []
        self.deaths = 0

    async def submit_new(self) -> None:
        lane, task_id = self.random.choice(LANES), f"n{len(self.submitted)}"
        await self.queue.submit(task_id, a_task(lane=lane), delay_ms=self.random.choice([0, 1]))
        self.submitted.append(task_id)

    async def submit_old(self) -> None:
        lane, task_id = self.random.choice(LANES), f"o{len(self.submitted)}"
        await self.previous.submit(task_id, a_task(lane=lane), delay_ms=self.random.choice([0, 1]))
        self.submitted.append(task_id)

    async def work_new(self) -> None:
        for claim in await self.queue.claim("new", self.random.randint(1, 4)):
            if self.random.random() < 0.5:
                await self.queue.settle(claim, Done())
                self.delivered.append(str(claim.task_id))
            else:
                attempt = an_attempt(Outcome.TIMEOUT, number=claim.attempt)
                await self.queue.settle(claim, RetryAt(0), attempt)

    async def work_old(self) -> None:
        for task_id in await self.previous.claim("old", self.random.randint(1, 4)):
            delivers = self.random.random() < 0.5
            await self.previous.settle("old", task_id, delivers=delivers)
            self.delivered += [task_id] * delivers

    async def die_new(self) -> None:
        """Let a worker of ours die with one claim; the previous release reaps it."""
        self.deaths += 1
        lease = f"dies-{self.deaths}"
        await self.queue.register(lease, 1000)
        await self.queue.claim(lease, 1)
        await self.queue.expire(lease)
        await self.previous.reap()


@pytest.mark.parametrize("seed", range(5))
async def test_mixed_run_loses_nothing(
    scripted: ScriptedQueue, previous: PreviousRelease, seed: int
) -> None:
    """Whatever both releases do in turn, each task ends once, and use is true in the end."""
    await scripted.register("new", 1000)
    await previous.register("old")
    mixed = _Mixed(scripted, previous, seed)
    moves: list[Callable[[], Awaitable[None]]] = [
        mixed.submit_new, mixed.submit_old, mixed.work_new, mixed.work_old, mixed.die_new,
    ]  # fmt: skip
    for _ in range(150):
        await mixed.random.choice(moves)()
    for lane in await reply(scripted.raw.hkeys(scripted.keys.of(Key.UNHEALTHY))):
        await scripted.end_pause(lane.decode())
    # A lane may have become unhealthy, and a suspect waits for its turn alone.
    mixed.delivered += await _until_empty(scripted)

    # A task under which three workers died is a dead letter.
    dead = [task.id for task in (await scripted.reader.list(State.DEAD)).tasks]
    assert sorted([*mixed.delivered, *dead]) == sorted(mixed.submitted)
    for project in ("one", "two"):
        task_id = f"last-{project}"
        await scripted.submit(task_id, a_task(lane=lane_in(project, "a")))
    assert len(await _drain(scripted)) == 2
    # A renewal counts the dead letters that the previous release left.
    await scripted.renew("new")
    await scripted.inspector.check()


async def _until_empty(queue: ScriptedQueue) -> list[str]:
    delivered = await _drain(queue)
    while (counts := await queue.reader.count()).queued + counts.scheduled:
        for lane in await reply(queue.raw.hkeys(queue.keys.of(Key.UNHEALTHY))):
            await queue.end_pause(lane.decode())
        delivered += await _drain(queue)
    return delivered
