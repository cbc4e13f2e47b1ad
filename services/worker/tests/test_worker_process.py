"""The real queue-worker on a real server, delivering to a real destination."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Outcome, State, TaskId, TaskView, new_task_id
from queue_testing import RedisServer, wait_until
from queue_testing.receiver import CannedResponse, Receiver
from queue_testing.tasks import a_task

Submit = Callable[[str], Awaitable[TaskId]]


class Worker:
    """One queue-worker in a directory of its own; its output is kept there."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self._output = directory / "worker.log"
        self._directory = directory
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"} or k[:8] == "COVERAGE"}
        self._environment = {
            **kept,
            "ENV": "production",
            "EGRESS_ALLOW": "127.0.0.0/8",
            **variables,
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def start(self, **variables: str) -> Worker:
        with self._output.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("queue-worker")), cwd=self._directory,
                env={**self._environment, **variables}, stdout=out, stderr=out,
            )  # fmt: skip
        return self

    async def until_ready(self) -> Worker:
        await wait_until(lambda: self.told("worker.ready"), "the worker is ready", 20)
        return self

    def output(self) -> str:
        return self._output.read_text()

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of this event; a line half written is not there yet."""
        *lines, _ = self.output().split("\n")
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["msg"] == event]

    async def end(self, *signals: int) -> int:
        """Send the signals and return the exit code."""
        for signum in signals or (signal.SIGTERM,):
            self.process.send_signal(signum)
        return await asyncio.wait_for(self.process.wait(), 30)


@pytest.fixture
async def new_worker(
    tmp_path: Path, redis_server: RedisServer, queue_settings: QueueSettings
) -> AsyncIterator[Callable[[], Worker]]:
    """Makes workers of the test's queue; ends those that the test left running."""
    made: list[Worker] = []

    def make() -> Worker:
        directory = tmp_path / str(len(made))
        directory.mkdir()
        variables = {
            "REDIS_ADDR": redis_server.address,
            "QUEUE_NAME": queue_settings.queue_name,
            "WORKER_RETRY_INTERVAL": "50ms",
        }
        made.append(Worker(directory, variables))
        return made[-1]

    yield make
    for worker in made:
        with suppress(AssertionError, ProcessLookupError):
            await worker.end(signal.SIGKILL)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def submit(queue: TaskQueue, receiver: Receiver) -> Submit:
    """Submits a task for a path of the receiver and returns its id."""

    async def submit_one(path: str) -> TaskId:
        task_id = new_task_id()
        await queue.submit(task_id, a_task(f"{receiver.url}{path}"))
        return task_id

    return submit_one


async def until(queue: TaskQueue, task_id: TaskId, state: State) -> TaskView:
    """Return the task once it has come to ``state``."""

    async def arrived() -> bool:
        return (await queue.get_task(task_id)).state is state

    await wait_until(arrived, f"the task is {state}", 20)
    return await queue.get_task(task_id)


async def test_a_task_is_delivered(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver, submit: Submit
) -> None:
    """A submitted task reaches its destination once and is delivered."""
    await (await new_worker().start()).until_ready()

    task_id = await submit("/hook")

    view = await until(queue, task_id, State.DELIVERED)
    (request,) = receiver.requests
    assert (request.headers["X-Task-Id"], request.body) == (task_id, b"x")
    assert view.attempts == 1


async def test_a_task_waiting_before_the_start_is_delivered(
    new_worker: Callable[[], Worker], queue: TaskQueue, submit: Submit
) -> None:
    """What waits when a worker starts is delivered."""
    task_id = await submit("/hook")

    await new_worker().start()

    await until(queue, task_id, State.DELIVERED)


async def test_three_attempts_are_three_lines(
    new_worker: Callable[[], Worker],
    queue: TaskQueue,
    receiver: Receiver,
    submit: Submit,
    raw_redis: Redis,
) -> None:
    """A destination that fails twice and then takes the task is seen in three log lines."""
    await raw_redis.script_flush()  # a fresh server: the first settlement teaches it the script
    receiver.respond_with("/flaky", [500, 503, 200])
    worker = await (await new_worker().start()).until_ready()

    task_id = await submit("/flaky")

    view = await until(queue, task_id, State.DELIVERED)
    await wait_until(lambda: len(worker.told("delivery.attempted")) == 3, "three lines")
    lines = worker.told("delivery.attempted")
    assert [line["attempt"] for line in lines] == [1, 2, 3]
    assert [line["status"] for line in lines] == [500, 503, 200]
    assert {line["task_id"] for line in lines} == {task_id}
    first, second, third = receiver.requests
    assert [r.headers["X-Task-Attempt"] for r in (first, second, third)] == ["1", "2", "3"]
    # After the interval of 50 ms, that is, and not when an idle worker looks after 5 s.
    assert second.at - first.at < 4
    assert view.attempts == 3


async def test_many_at_once(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver, submit: Submit
) -> None:
    """A lane has as many requests in flight as WORKER_CONCURRENCY says, and no more."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    await (await new_worker().start(WORKER_CONCURRENCY="7")).until_ready()
    tasks = [await submit("/slow") for _ in range(20)]
    await wait_until(lambda: receiver.in_flight == 7, "seven are in flight")

    receiver.release()

    for task_id in tasks:
        await until(queue, task_id, State.DELIVERED)
    assert receiver.max_in_flight == 7
    assert len(receiver.requests) == 20


async def test_sigterm_drains(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver, submit: Submit
) -> None:
    """SIGTERM lets the request in flight end, claims nothing more, and the exit code is 0."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    worker = await (await new_worker().start(WORKER_CONCURRENCY="1")).until_ready()
    first, second = await submit("/slow"), await submit("/slow")
    await wait_until(lambda: receiver.in_flight == 1, "the request is in flight")

    ending = asyncio.create_task(worker.end(signal.SIGTERM))
    await wait_until(lambda: worker.told("worker.draining"), "the worker drains")
    receiver.release()

    assert await ending == 0
    assert (await queue.get_task(first)).state is State.DELIVERED
    assert (await queue.get_task(second)).state is State.QUEUED
    assert worker.told("worker.stopped")


async def test_what_does_not_finish_is_given_back(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver, submit: Submit
) -> None:
    """After WORKER_DRAIN_TIMEOUT the rest is queued again, and no attempt is counted."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    worker = await (await new_worker().start(WORKER_DRAIN_TIMEOUT="100ms")).until_ready()
    task_id = await submit("/slow")
    await wait_until(lambda: receiver.in_flight == 1, "the request is in flight")

    code = await worker.end(signal.SIGTERM)

    view = await queue.get_task(task_id)
    assert code == 0
    assert (view.state, view.attempts, view.interrupted) == (State.QUEUED, 0, 0)

    await new_worker().start()
    receiver.release()

    assert (await until(queue, task_id, State.DELIVERED)).attempts == 1
    assert [request.headers["X-Task-Attempt"] for request in receiver.requests] == ["1", "1"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_cuts_the_drain_short(
    new_worker: Callable[[], Worker],
    queue: TaskQueue,
    receiver: Receiver,
    submit: Submit,
    signum: signal.Signals,
) -> None:
    """A second signal ends the drain and releases the claims."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    worker = await (await new_worker().start(WORKER_DRAIN_TIMEOUT="1h")).until_ready()
    task_id = await submit("/slow")
    await wait_until(lambda: receiver.in_flight == 1, "the request is in flight")
    worker.process.send_signal(signum)
    await wait_until(lambda: worker.told("worker.draining"), "the worker drains")

    code = await worker.end(signum)

    view = await queue.get_task(task_id)
    assert code == 0
    assert (view.state, view.attempts) == (State.QUEUED, 0)


async def test_an_idle_worker_stops(
    new_worker: Callable[[], Worker], raw_redis: Redis, queue_settings: QueueSettings
) -> None:
    """SIGINT ends an idle worker with exit code 0, and its lease with it."""
    leases = f"{{{queue_settings.queue_name}}}:workers"
    worker = await (await new_worker().start()).until_ready()
    assert await raw_redis.zcard(leases) == 1

    assert await worker.end(signal.SIGINT) == 0
    assert await raw_redis.zcard(leases) == 0


async def test_an_unreadable_record_is_a_dead_letter(
    new_worker: Callable[[], Worker],
    queue: TaskQueue,
    queue_settings: QueueSettings,
    raw_redis: Redis,
    submit: Submit,
) -> None:
    """An unreadable record becomes a dead letter with the reason, and the worker continues."""
    broken = await submit("/hook")
    await raw_redis.set(f"{{{queue_settings.queue_name}}}:t:{broken}", b"gibberish")

    worker = await new_worker().start()

    (line,) = await wait_until(lambda: worker.told("task.died"), "the death is told", 20)
    view = await queue.get_task(broken)
    assert line["reason"].startswith("the task's record is not one of ours")
    assert view.state is State.DEAD
    assert view.last_attempt is not None
    assert view.last_attempt.outcome is Outcome.UNREADABLE
    await until(queue, await submit("/hook"), State.DELIVERED)


async def test_a_hanging_lane_delays_no_other(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver, submit: Submit
) -> None:
    """With more tasks hanging than a lane may have in flight, those of another lane arrive."""
    receiver.respond_with("/hang", [CannedResponse(hangs=True)])
    await (await new_worker().start(WORKER_CONCURRENCY="2")).until_ready()
    for _ in range(5):
        await submit("/hang")
    await wait_until(lambda: receiver.in_flight == 2, "the lane is full")

    async with Receiver() as healthy:
        task_id = new_task_id()
        await queue.submit(task_id, a_task(healthy.url))

        await until(queue, task_id, State.DELIVERED)


async def test_a_worker_outlives_its_redis(
    new_worker: Callable[[], Worker],
    server_binary: Path,
    tmp_path: Path,
    receiver: Receiver,
    queue_settings: QueueSettings,
) -> None:
    """A worker started without Redis delivers when it comes, and again after it was away."""
    (tmp_path / "redis").mkdir()
    server = RedisServer(server_binary, tmp_path / "redis", "--appendonly", "yes")
    worker = await new_worker().start(REDIS_ADDR=server.address)
    await wait_until(lambda: worker.told("redis.unavailable"), "Redis is missed")
    settings = RedisSettings(redis_addr=server.address, redis_url=None)

    for path in ("/before", "/after"):
        server.start()
        queue = TaskQueue(settings, queue_settings)
        await queue.submit(new_task_id(), a_task(f"{receiver.url}{path}"))
        await wait_until(partial(receiver.to, path), "it is delivered", 20)
        await queue.disconnect()
        server.stop()

    assert await worker.end(signal.SIGTERM) == 0


async def test_a_worker_stops_without_its_redis(
    new_worker: Callable[[], Worker],
    start_server: Callable[..., RedisServer],
    receiver: Receiver,
    queue_settings: QueueSettings,
) -> None:
    """A worker stops even without Redis; its claims are released when its lease ends."""
    receiver.respond_with("/hang", [CannedResponse(hangs=True)])
    server = start_server()
    worker = await new_worker().start(REDIS_ADDR=server.address, WORKER_DRAIN_TIMEOUT="100ms")
    settings = RedisSettings(redis_addr=server.address, redis_url=None)
    queue = TaskQueue(settings, queue_settings)
    await queue.submit(new_task_id(), a_task(f"{receiver.url}/hang"))
    await queue.disconnect()
    await wait_until(lambda: receiver.in_flight == 1, "the request is in flight", 20)

    server.kill()

    assert await worker.end(signal.SIGTERM) == 0
    assert worker.told("worker.give_back_failed")


async def test_bad_configuration_ends_the_start(new_worker: Callable[[], Worker]) -> None:
    """Bad values end the process with exit code 2 and one line each, and nothing else."""
    worker = await new_worker().start(WORKER_CONCURRENCY="0", WORKER_REQUEST_TIMEOUT="soon")

    code = await asyncio.wait_for(worker.process.wait(), 20)

    assert code == 2
    assert worker.output().splitlines() == [
        "WORKER_CONCURRENCY=0: input should be greater than or equal to 1",
        "WORKER_REQUEST_TIMEOUT=soon: should be a duration such as 10s, 1m30s or 24h",
    ]


async def test_no_secret_reaches_the_log(
    new_worker: Callable[[], Worker], queue: TaskQueue, receiver: Receiver
) -> None:
    """Header values, bodies, responses and query strings stay out of the log, failures included."""
    receiver.respond_with("/hook", [CannedResponse(500, body=b"s3cret"), 200])
    worker = await new_worker().start(LOG_LEVEL="DEBUG")
    task = a_task(
        f"{receiver.url}/hook?s3cret", body=b"s3cret", headers={"Authorization": "s3cret"}
    )
    task_id = new_task_id()

    await queue.submit(task_id, task)

    await until(queue, task_id, State.DELIVERED)
    await worker.end()
    assert "s3cret" not in worker.output()
    assert len(worker.told("delivery.attempted")) == 2
