"""The real queue-worker among destinations that hang."""

from __future__ import annotations

from collections.abc import Callable

from queue_common.queue import QueueStats, TaskQueue
from queue_common.queue.hooks import QueueHooks
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import State, TaskId, new_task_id
from queue_testing import wait_until
from queue_testing.network.socket_server import Peer, SocketServer
from queue_testing.receiver import Receiver
from queue_testing.tasks import a_task

from .test_worker_process import Worker, new_worker, receiver, until

__all__ = ["new_worker", "receiver"]

IN_FLIGHT, LANES = 20, 60


async def _hang(peer: Peer) -> None:
    await peer.hold()


async def _submit(queue: TaskQueue, url: str) -> TaskId:
    task_id = new_task_id()
    await queue.submit(task_id, a_task(url))
    return task_id


async def test_one_host_as_many_lanes_delays_no_destination_that_responds(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver
) -> None:
    """Three times as many hanging lanes as there are slots leave half of the slots to others."""
    worker = new_worker()
    await (await worker.start(WORKER_MAX_IN_FLIGHT=str(IN_FLIGHT))).until_ready()
    await until(queue, await _submit(queue, f"{receiver.url}/before"), State.DELIVERED)
    async with SocketServer(_hang, host="0.0.0.0") as tarpit:
        for number in range(LANES):
            await _submit(queue, f"http://127.0.1.{number + 1}:{tarpit.port}/")
        await wait_until(lambda: tarpit.connections >= IN_FLIGHT // 2, "they hang")
        for number in range(IN_FLIGHT):
            await until(queue, await _submit(queue, f"{receiver.url}/{number}"), State.DELIVERED)

        assert tarpit.connections == IN_FLIGHT // 2


async def test_lane_shrinks_and_recovers(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver,
    redis_settings: RedisSettings, queue_settings: QueueSettings,
) -> None:  # fmt: skip
    """A destination that refuses for a while and comes back gets all its tasks."""
    watch = QueueStats.open(redis_settings, queue_settings, QueueHooks())

    async def unhealthy(lanes: int) -> bool:
        return (await watch.read()).unhealthy_lanes == lanes

    await (await new_worker().start()).until_ready()
    receiver.respond_with("/busy", [*[503] * 30, 200])
    tasks = [await _submit(queue, f"{receiver.url}/busy") for _ in range(20)]
    await wait_until(lambda: unhealthy(1), "the lane is unhealthy")
    for task_id in tasks:
        await until(queue, task_id, State.DELIVERED)

    assert await unhealthy(0)
    await watch.close()
