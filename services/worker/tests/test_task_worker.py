"""SAQ's Worker as ours: its hooks, its bound on what is in flight, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from saq import CronJob
from structlog.testing import capture_logs

from queue_common.queue import Claim, TaskQueue
from queue_common.retry import Done
from queue_common.saq_adapter import SaqQueue
from queue_common.settings import QueueSettings
from queue_common.task import State, new_task_id
from queue_testing import wait_until
from queue_testing.tasks import a_task, an_attempt
from queue_worker.worker import TaskWorker


class Handler:
    """Settles claims as done, once it may."""

    def __init__(self, queue: TaskQueue) -> None:
        self.started: list[str] = []
        self.settled: list[str] = []
        self.may_end = asyncio.Event()
        self._queue = queue

    async def __call__(self, claim: Claim) -> None:
        self.started.append(claim.task_id)
        await self.may_end.wait()
        await self._queue.settle(claim, an_attempt(), Done())
        self.settled.append(claim.task_id)


Run = Callable[..., Awaitable[TaskWorker]]


@pytest.fixture
async def handler(queue: TaskQueue) -> Handler:
    return Handler(queue)


@pytest.fixture
async def run(queue: TaskQueue, handler: Handler) -> AsyncIterator[Run]:
    """Starts a worker of the queue with these options; stops it at the end."""
    running: list[tuple[TaskWorker, asyncio.Task[None]]] = []

    async def start(**options: Any) -> TaskWorker:  # noqa: ANN401 - TaskWorker's own
        worker = TaskWorker(
            SaqQueue(queue), handler, **{"max_in_flight": 100, "drain_seconds": 5.0, **options}
        )
        await queue.start_consuming(worker_id=worker.id, concurrency=100)
        running.append((worker, asyncio.create_task(worker.start())))
        return worker

    yield start
    handler.may_end.set()
    for worker, task in running:
        await worker.stop()
        await task


async def submit(queue: TaskQueue, tasks: int = 1) -> list[str]:
    """Submit tasks and return their ids."""
    ids = [new_task_id() for _ in range(tasks)]
    for task_id in ids:
        await queue.submit(task_id, a_task())
    return list(ids)


async def test_what_is_in_flight_is_bounded(queue: TaskQueue, handler: Handler, run: Run) -> None:
    """At most max_in_flight claims are in flight; the next ones are claimed as these end."""
    await submit(queue, 10)
    await run(max_in_flight=4)
    await wait_until(lambda: len(handler.started) == 4, "four are in flight")
    assert (await queue.reader.count()).active == 4

    handler.may_end.set()

    await wait_until(lambda: len(handler.settled) == 10, "all are done")


async def test_hooks_are_called_around_each_task(
    queue: TaskQueue, handler: Handler, run: Run
) -> None:
    """SAQ's hooks see the job of each task, and start and end of the worker."""
    seen: list[str] = []
    handler.may_end.set()

    async def before(context: dict[str, Any]) -> None:
        seen.append(f"before {context['job'].key}")

    def after(context: dict[str, Any]) -> None:
        seen.append(f"after {context['job'].key} {context['job'].kwargs['method']}")

    worker = await run(
        startup=lambda _: seen.append("startup"), shutdown=lambda _: seen.append("shutdown"),
        before_process=before, after_process=after,
    )  # fmt: skip
    (task_id,) = await submit(queue)
    await wait_until(lambda: len(seen) == 3, "the task is over")
    await worker.stop()

    assert seen == ["startup", f"before {task_id}", f"after {task_id} POST", "shutdown"]


async def test_a_hook_that_fails_costs_no_task(
    queue: TaskQueue, handler: Handler, run: Run
) -> None:
    """An error in a hook is logged, and the task is processed."""
    handler.may_end.set()

    def failing(_context: dict[str, Any]) -> None:
        raise ZeroDivisionError

    with capture_logs() as lines:
        await run(before_process=failing)
        task_ids = await submit(queue)
        await wait_until(lambda: handler.settled == task_ids, "the task is done")

    assert "worker.hook_failed" in [line["event"] for line in lines]


async def test_an_unreadable_record_passes_the_hooks(
    queue: TaskQueue,
    handler: Handler,
    run: Run,
    raw_redis: Redis,
    queue_settings: QueueSettings,
) -> None:
    """A record that makes no job is handled without hooks: it must be settled like any other."""
    (task_id,) = await submit(queue)
    await raw_redis.set(f"{{{queue_settings.queue_name}}}:t:{task_id}", b"gibberish")

    await run(before_process=lambda _: None)

    await wait_until(lambda: handler.started == [task_id], "it is handled")


async def test_a_stopping_worker_claims_no_more(
    queue: TaskQueue, handler: Handler, run: Run
) -> None:
    """What is submitted during the drain stays queued; what was in flight is finished."""
    worker = await run()
    (first,) = await submit(queue)
    await wait_until(lambda: handler.started == [first], "one is in flight")

    with capture_logs() as lines:
        stopping = asyncio.create_task(worker.stop())
        await wait_until(lambda: lines, "the worker drains")
        await submit(queue)
        handler.may_end.set()
        await stopping

    assert handler.settled == [first]
    assert (await queue.reader.count()).queued == 1


async def test_what_does_not_end_is_given_back(
    queue: TaskQueue, handler: Handler, run: Run
) -> None:
    """After the drain the rest is cancelled and queued again, oldest first."""
    worker = await run(drain_seconds=0.0)
    task_ids = await submit(queue, 5)
    await wait_until(lambda: len(handler.started) == 5, "five are in flight")

    await worker.stop()

    counts = await queue.reader.count()
    assert (counts.queued, counts.active, handler.settled) == (5, 0, [])
    assert [task.id for task in (await queue.reader.list(State.QUEUED)).tasks] == task_ids


async def test_a_worker_that_cannot_claim_ends(queue: TaskQueue, handler: Handler) -> None:
    """A failure of claiming itself ends the worker, which remembers what it was."""
    worker = TaskWorker(SaqQueue(queue), handler, max_in_flight=1, drain_seconds=0.0)

    await asyncio.wait_for(worker.start(), 10)  # start_consuming() was never called

    assert isinstance(worker.failure, RuntimeError)


async def test_saqs_page_sees_the_worker(queue: TaskQueue, run: Run) -> None:
    """A running worker is listed where SAQ's web page and health check look."""
    worker = await run()

    async def listed() -> bool:
        return worker.id in (await SaqQueue(queue).info())["workers"]

    await wait_until(listed, "the worker is listed")


async def test_saqs_page_counts_what_the_worker_settled(queue: TaskQueue) -> None:
    """SAQ's counters are those of our own settlements."""
    settled = {State.DELIVERED: 3, State.SCHEDULED: 2, State.DEAD: 1, State.CANCELLED: 4}
    worker = TaskWorker(
        SaqQueue(queue), Handler(queue), max_in_flight=1, drain_seconds=0.0, settled=settled
    )
    info = await worker.worker_info()

    assert info["stats"] is not None
    counted = [info["stats"][name] for name in ("complete", "retried", "failed", "aborted")]
    assert counted == [3, 2, 1, 4]


async def test_functions_run_beside_tasks(queue: TaskQueue, handler: Handler, run: Run) -> None:
    """Jobs of the worker's own functions are run with their arguments, within the hooks."""
    handler.may_end.set()
    saq_queue = SaqQueue(queue)
    seen: list[str] = []

    async def add(_context: dict[str, Any], *, a: int, b: int) -> int:
        return a + b

    await run(functions=[("add", add)], after_process=lambda c: seen.append(c["job"].function))
    (task_id,) = await submit(queue)
    job = await saq_queue.enqueue("add", a=1, b=2)
    assert job is not None
    await job.refresh(until_complete=10)
    await wait_until(lambda: len(seen) == 2, "both are done")

    assert job.result == 3
    assert sorted(seen) == ["add", "deliver"]
    assert handler.settled == [task_id]


async def test_job_of_an_unknown_function_is_refused(queue: TaskQueue, run: Run) -> None:
    """A job that the worker has no function for is a dead letter that says so."""
    await run()
    job = await SaqQueue(queue).enqueue("nobody_knows", key="1")
    assert job is not None

    async def dead() -> bool:
        return (await queue.reader.record("1")).state is State.DEAD

    await wait_until(dead, "it is dead")
    attempt = (await queue.reader.record("1")).last_attempt()
    assert attempt is not None
    assert attempt.error == "this worker has no function 'nobody_knows'"


async def test_cron_jobs_are_scheduled_and_run(queue: TaskQueue, run: Run) -> None:
    """A cron job of our own worker runs at its times, again and again."""
    ran: list[str] = []

    async def tick(context: dict[str, Any]) -> None:
        ran.append(context["job"].key)

    await run(cron_jobs=[CronJob(tick, cron="* * * * * */1")], timers={"schedule": 0.1})

    await wait_until(lambda: len(ran) >= 2, "it ran twice")


def test_an_option_that_does_not_exist_is_refused(queue: TaskQueue, handler: Handler) -> None:
    """What SAQ has for a loop of its own is no option here: it would be ignored."""
    with pytest.raises(TypeError, match="burst"):
        TaskWorker(SaqQueue(queue), handler, max_in_flight=1, drain_seconds=0.0, burst=True)  # type: ignore[call-arg]
