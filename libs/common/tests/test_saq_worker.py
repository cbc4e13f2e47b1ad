"""SAQ's own Worker on our queue: functions, hooks, retries, aborts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import saq
from saq import Job, Status

from queue_common.saq_adapter import SaqQueue
from queue_common.task import State, TaskId
from queue_testing import wait_until
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task, now_ms

Context = dict[str, Any]


class Functions:
    """What the worker runs, and what it saw of it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.delivered: list[dict[str, Any]] = []
        self.release = asyncio.Event()

    async def before(self, ctx: Context) -> None:
        """Hook before each job."""
        self.events.append(("before", ctx["job"].function))

    async def after(self, ctx: Context) -> None:
        """Hook after each job."""
        self.events.append(("after", ctx["job"].function))

    async def add(self, _ctx: Context, *, a: int, b: int) -> int:
        """Return a result."""
        return a + b

    async def fail(self, _ctx: Context) -> None:
        """Fail each time."""
        raise ValueError("it failed")

    async def recover(self, ctx: Context) -> int:
        """Fail at the first attempt."""
        attempts: int = ctx["job"].attempts
        if attempts == 1:
            raise ValueError("not yet")
        return attempts

    async def hang(self, _ctx: Context) -> None:
        """Run until released or aborted."""
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.events.append(("cancelled", "hang"))
            raise

    async def report(self, ctx: Context) -> None:
        """Tell of progress, then hang."""
        await ctx["job"].update(progress=0.5, meta={"step": 2})
        await self.release.wait()

    async def deliver(self, _ctx: Context, **request: Any) -> int:  # noqa: ANN401 - any task
        """Take an HTTP task."""
        self.delivered.append(request)
        return 200

    def named(self) -> list[tuple[str, Callable[..., Awaitable[Any]]]]:
        """Return the functions by the names under which jobs ask for them."""
        names = ("add", "fail", "recover", "hang", "report", "deliver")
        return [(name, getattr(self, name)) for name in names]


@pytest.fixture
async def functions() -> Functions:
    """What the worker runs."""
    return Functions()


@pytest.fixture
async def worker(
    saq_queue: SaqQueue, functions: Functions, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[saq.Worker[Any]]:
    """SAQ's stock worker, running."""
    caplog.set_level(logging.CRITICAL, "saq")  # it logs a traceback for each failed job
    worker: saq.Worker[Any] = saq.Worker(
        saq_queue, functions.named(), id="stock", concurrency=3, before_process=functions.before,
        after_process=functions.after,
        timers={"abort": 0.05, "worker_info": 1},  # type: ignore[arg-type]
    )  # fmt: skip
    running = asyncio.create_task(worker.start())
    yield worker
    functions.release.set()
    worker.event.set()
    await running


async def _enqueue(saq_queue: SaqQueue, function: str, **kwargs: Any) -> Job:  # noqa: ANN401
    job = await saq_queue.enqueue(function, **kwargs)
    assert job is not None
    return job


async def test_job_runs_and_its_result_is_found(
    saq_queue: SaqQueue, worker: saq.Worker[Any], functions: Functions
) -> None:
    """A job is run with its arguments, between the hooks, and its result can be fetched."""
    job = await _enqueue(saq_queue, "add", a=1, b=2)
    await job.refresh(until_complete=5)

    assert (job.status, job.result, job.attempts, job.error) == (Status.COMPLETE, 3, 1, None)
    assert functions.events == [("before", "add"), ("after", "add")]
    assert job.completed >= job.started >= job.queued > 0
    assert worker.queue.complete == 1


async def test_apply_returns_the_result(saq_queue: SaqQueue, worker: saq.Worker[Any]) -> None:
    """SAQ's ``apply`` and ``map`` wait for results."""
    del worker

    assert await saq_queue.apply("add", timeout=5, a=2, b=3) == 5
    assert await saq_queue.map("add", [{"a": 1, "b": 1}, {"a": 2, "b": 2}], timeout=5) == [2, 4]


async def test_failed_job_is_retried_as_it_asks(
    saq_queue: SaqQueue, worker: saq.Worker[Any], scripted: ScriptedQueue
) -> None:
    """A job with retries left is scheduled again and may recover."""
    del worker
    job = await _enqueue(saq_queue, "recover", retries=3)
    await job.refresh(until_complete=5)

    assert (job.status, job.result, job.attempts) == (Status.COMPLETE, 2, 2)
    await scripted.inspector.check()


async def test_job_without_retries_left_fails(
    saq_queue: SaqQueue, worker: saq.Worker[Any], scripted: ScriptedQueue
) -> None:
    """A job that has used its attempts up is failed, a dead letter with its traceback."""
    del worker
    job = await _enqueue(saq_queue, "fail", retries=2)
    await job.refresh(until_complete=5)

    assert (job.status, job.attempts) == (Status.FAILED, 2)
    assert "ValueError: it failed" in (job.error or "")
    assert (await scripted.reader.record(job.key)).state is State.DEAD
    await scripted.inspector.check()


async def test_failed_job_can_be_retried(
    saq_queue: SaqQueue, worker: saq.Worker[Any], functions: Functions
) -> None:
    """``Job.retry`` on a failed job lets it run once more."""
    del worker
    job = await _enqueue(saq_queue, "fail")
    await job.refresh(until_complete=5)
    await job.retry("again")
    await wait_until(lambda: functions.events.count(("after", "fail")) == 2, "it ran again")

    async def failed_again() -> bool:
        await job.refresh()
        return job.status is Status.FAILED

    await wait_until(failed_again, "it failed again")
    assert job.attempts == 2


async def test_running_job_is_aborted(
    saq_queue: SaqQueue, worker: saq.Worker[Any], functions: Functions, scripted: ScriptedQueue
) -> None:
    """``saq_queue.abort`` ends a running job: its function is cancelled, and it is not retried."""
    del worker
    job = await _enqueue(saq_queue, "hang", retries=5, timeout=0)
    await wait_until(lambda: ("before", "hang") in functions.events, "it runs")
    await saq_queue.abort(job, "enough of it")
    seen = job.status
    await wait_until(lambda: ("after", "hang") in functions.events, "it has ended")

    async def aborted() -> bool:
        await job.refresh()
        return job.status is Status.ABORTED

    await wait_until(aborted, "it is aborted")
    assert seen is Status.ABORTING
    assert ("cancelled", "hang") in functions.events
    assert job.error == "enough of it"
    assert (await scripted.reader.record(job.key)).state is State.CANCELLED
    await scripted.inspector.check()


async def test_settled_job_is_not_aborted(saq_queue: SaqQueue, worker: saq.Worker[Any]) -> None:
    """An abort that comes too late changes nothing and raises nothing."""
    del worker
    job = await _enqueue(saq_queue, "add", a=1, b=2)
    await job.refresh(until_complete=5)
    await job.abort("too late")
    await job.refresh()

    assert job.status is Status.COMPLETE


async def test_running_job_tells_of_its_progress(
    saq_queue: SaqQueue, worker: saq.Worker[Any], functions: Functions
) -> None:
    """What a job says of itself by ``update`` is seen by others while it runs."""
    del worker
    job = await _enqueue(saq_queue, "report", timeout=0)

    async def seen() -> bool:
        await job.refresh()
        return job.progress == 0.5

    await wait_until(seen, "its progress is seen")
    assert (job.status, job.meta) == (Status.ACTIVE, {"step": 2})
    functions.release.set()


async def test_http_task_is_a_job_of_deliver(
    saq_queue: SaqQueue, worker: saq.Worker[Any], functions: Functions
) -> None:
    """A task that the API took runs as the function ``deliver``, with all that is to be sent."""
    del worker
    task = a_task("http://a.test/x?token=secret", body=b"\xff", headers={"A": "1"})
    await saq_queue.tasks.submit(TaskId("1"), task)
    await wait_until(lambda: functions.delivered, "it is delivered")

    async def settled() -> bool:
        return (await saq_queue.tasks.get_task(TaskId("1"))).state is State.DELIVERED

    await wait_until(settled, "it is settled")
    assert functions.delivered == [
        {"url": task.url, "method": "POST", "headers": {"A": "1"}, "body": b"\xff"}
    ]


async def test_failed_http_task_follows_our_retry_policy(
    saq_queue: SaqQueue, scripted: ScriptedQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """A stock worker that fails on an HTTP task, or does not know it, leaves it to be retried."""
    caplog.set_level(logging.CRITICAL, "saq")
    await saq_queue.tasks.submit(TaskId("1"), a_task())
    worker: saq.Worker[Any] = saq.Worker(saq_queue, [], id="stock")
    await worker.process()
    view = await scripted.reader.get_task(TaskId("1"))

    assert view.state is State.SCHEDULED
    assert view.attempts == 1
    assert view.last_attempt is not None
    assert "KeyError: 'deliver'" in (view.last_attempt.error or "")
    assert view.due_at_ms is not None
    assert view.due_at_ms > now_ms() + 5_000
    await scripted.inspector.check()


async def test_silent_job_is_swept_and_retried(
    saq_queue: SaqQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that has not reported within its heartbeat is cancelled, and tried again."""
    caplog.set_level(logging.CRITICAL, "saq")
    seen: list[str] = []

    async def hang(ctx: Context) -> None:
        seen.append(f"attempt {ctx['job'].attempts}")
        if ctx["job"].attempts == 1:
            await asyncio.Event().wait()

    worker: saq.Worker[Any] = saq.Worker(
        saq_queue, [("hang", hang)],
        timers={"abort": 0.05, "sweep": 0.05},  # type: ignore[arg-type]
    )  # fmt: skip
    running = asyncio.create_task(worker.start())
    job = await _enqueue(saq_queue, "hang", heartbeat=1, timeout=0, retries=2)
    await job.refresh(until_complete=10)
    worker.event.set()
    await running

    assert seen == ["attempt 1", "attempt 2"]
    assert (job.status, job.attempts) == (Status.COMPLETE, 2)


async def test_cron_job_runs_again_and_again(saq_queue: SaqQueue, scripted: ScriptedQueue) -> None:
    """A cron job whose key was used before is scheduled for its next time."""
    ran: list[str] = []

    async def tick(ctx: Context) -> None:
        ran.append(ctx["job"].key)

    worker: saq.Worker[Any] = saq.Worker(
        saq_queue, [], cron_jobs=[saq.CronJob(tick, cron="* * * * * */1")], concurrency=1
    )
    running = asyncio.create_task(worker.start())
    await wait_until(lambda: len(ran) >= 2, "it ran twice")
    worker.event.set()
    await running

    assert len(set(ran)) == 1
    await scripted.inspector.check()


async def test_info_and_counts(saq_queue: SaqQueue, worker: saq.Worker[Any]) -> None:
    """``info`` shows workers, counts and the next jobs; ``count`` agrees."""
    job = await _enqueue(saq_queue, "hang", timeout=0)
    for i in range(5):
        await _enqueue(saq_queue, "add", key=f"later-{i}", scheduled=4_000_000_000)

    async def active() -> bool:
        return await saq_queue.count("active") == 1

    async def known() -> bool:
        return "stock" in (await saq_queue.info())["workers"]

    await wait_until(active, "the job runs")
    await wait_until(known, "the worker has told of itself")
    info = await saq_queue.info(jobs=True, offset=0, limit=3)

    assert (info["active"], info["queued"], info["scheduled"]) == (1, 0, 5)
    assert info["name"] == saq_queue.name
    assert info["jobs"][0]["key"] == job.key
    assert len(info["jobs"]) == 3
    assert info["workers"][worker.id]["queue_key"] == saq_queue.name
    assert await saq_queue.count("incomplete") == 6
    with pytest.raises(ValueError, match="unknown kind"):
        await saq_queue.count("finished")  # type: ignore[arg-type]


async def test_iter_jobs_by_status(saq_queue: SaqQueue, worker: saq.Worker[Any]) -> None:
    """``iter_jobs`` walks exactly the jobs in the statuses asked for, over any pages."""
    del worker
    done = [await _enqueue(saq_queue, "add", a=i, b=0) for i in range(7)]
    for job in done:
        await job.refresh(until_complete=5)
    later = [await _enqueue(saq_queue, "add", scheduled=4_000_000_000) for _ in range(5)]
    failed = await _enqueue(saq_queue, "fail")
    await failed.refresh(until_complete=5)

    async def keys(*statuses: Status) -> set[str]:
        return {job.key async for job in saq_queue.iter_jobs(list(statuses), batch_size=2)}

    assert await keys(Status.COMPLETE) == {job.key for job in done}
    assert await keys(Status.QUEUED) == {job.key for job in later}
    assert await keys(Status.FAILED) == {failed.key}
    assert len([job async for job in saq_queue.iter_jobs()]) == 13


async def test_worker_that_stops_gives_its_jobs_back(
    saq_queue: SaqQueue, functions: Functions, scripted: ScriptedQueue,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A stopped worker's running job is tried again by others: nothing is lost."""
    caplog.set_level(logging.CRITICAL, "saq")
    worker: saq.Worker[Any] = saq.Worker(saq_queue, functions.named(), concurrency=2)
    running = asyncio.create_task(worker.start())
    await _enqueue(saq_queue, "hang", key="1", timeout=0)
    await wait_until(lambda: ("before", "hang") in functions.events or worker.job_task_contexts,
                     "it runs")  # fmt: skip
    worker.event.set()
    await running
    await saq_queue.disconnect()
    snapshot = await scripted.inspector.check()

    assert snapshot.records["1"].state in {State.SCHEDULED, State.QUEUED}
