"""The queue as SAQ's interface: enqueue, jobs, abort, dequeue, without any worker running."""

from __future__ import annotations

from typing import Any

import pytest
import redis.asyncio
from saq import Job, Status

from queue_common.errors import QueueUnavailableError
from queue_common.saq_adapter import SaqQueue
from queue_common.task import State, TaskId
from queue_testing.scripted import ScriptedQueue
from queue_testing.tasks import a_task


async def _enqueue(saq_queue: SaqQueue, function: str, **kwargs: Any) -> Job:  # noqa: ANN401
    job = await saq_queue.enqueue(function, **kwargs)
    assert job is not None
    return job


async def test_waiting_job_is_aborted_at_once(saq_queue: SaqQueue, scripted: ScriptedQueue) -> None:
    """A job that waits is aborted without any worker, and shows why."""
    job = await _enqueue(saq_queue, "add", a=1, b=2)
    await job.abort("not needed")
    seen = job.status
    await job.refresh()

    assert (seen, job.status, job.error) == (Status.ABORTED, Status.ABORTED, "not needed")
    assert await saq_queue.count("queued") == 0
    await scripted.inspector.check()


async def test_job_aborted_while_active_is_not_retried_when_it_fails(saq_queue: SaqQueue) -> None:
    """A job that fails before its worker has seen the abort is aborted."""
    await _enqueue(saq_queue, "fail", key="1", retries=5)
    job = await saq_queue.dequeue(timeout=5)
    assert job is not None
    job.attempts += 1
    await saq_queue.abort(job, "stop")
    await job.retry("it failed")
    found = await saq_queue.job("1")

    assert found is not None
    assert (found.status, found.error) == (Status.ABORTED, "stop")


async def test_same_key_is_enqueued_once(saq_queue: SaqQueue) -> None:
    """A second job with a key in use is refused the way SAQ does: None."""
    first = await saq_queue.enqueue("add", key="once", a=1, b=2)
    second = await saq_queue.enqueue("add", key="once", a=3, b=4)

    assert first is not None
    assert second is None
    assert await saq_queue.count("queued") == 1


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.FAILED, Status.ABORTED])
async def test_key_of_a_settled_job_can_be_used_again(
    saq_queue: SaqQueue, scripted: ScriptedQueue, status: Status
) -> None:
    """A key is taken only while its job is incomplete, as in SAQ: cron jobs live on that."""
    await _enqueue(saq_queue, "add", key="again")
    job = await saq_queue.dequeue(timeout=5)
    assert job is not None
    await job.finish(status, error="over")
    again = await saq_queue.enqueue("add", key="again", a=3, b=4)
    found = await saq_queue.job("again")

    assert again is not None
    assert found is not None
    assert (found.status, found.kwargs) == (Status.QUEUED, {"a": 3, "b": 4})
    await scripted.inspector.check()


async def test_jobs_of_one_function_are_not_limited_by_their_lane(saq_queue: SaqQueue) -> None:
    """One caller after the other gets a job of the same function while the first ones run."""
    for key in ("a", "b", "c"):
        await _enqueue(saq_queue, "add", key=key)
    jobs = [await saq_queue.dequeue(timeout=5) for _ in range(3)]

    assert [job.key if job else None for job in jobs] == ["a", "b", "c"]
    assert await saq_queue.count("active") == 3


async def test_job_that_waits_can_be_finished(saq_queue: SaqQueue, scripted: ScriptedQueue) -> None:
    """``Job.finish`` on a job that nobody has dequeued keeps its result and takes it out."""
    job = await _enqueue(saq_queue, "add", key="1")
    await job.finish(Status.COMPLETE, result=42)
    found = await saq_queue.job("1")

    assert found is not None
    assert (found.status, found.result) == (Status.COMPLETE, 42)
    assert [job.key async for job in saq_queue.iter_jobs([Status.COMPLETE])] == ["1"]
    assert await saq_queue.count("queued") == 0
    await scripted.inspector.check()


async def test_job_that_waits_can_be_updated(saq_queue: SaqQueue, scripted: ScriptedQueue) -> None:
    """What ``Job.update`` changes of a waiting job is kept, and the job still runs."""
    job = await _enqueue(saq_queue, "add", key="1")
    await job.update(meta={"step": 1})
    found = await saq_queue.job("1")
    await scripted.inspector.check()
    dequeued = await saq_queue.dequeue(timeout=5)

    assert found is not None
    assert found.meta == {"step": 1}
    assert dequeued is not None
    assert dequeued.meta == {"step": 1}


async def test_key_of_an_http_task_is_taken(saq_queue: SaqQueue) -> None:
    """Jobs and HTTP tasks share their ids."""
    await saq_queue.tasks.submit(TaskId("1"), a_task())

    assert await saq_queue.enqueue("add", key="1") is None


async def test_scheduled_job_waits(saq_queue: SaqQueue) -> None:
    """A job scheduled for later is scheduled, and shown with its time."""
    job = await _enqueue(saq_queue, "add", scheduled=4_000_000_000)
    found = await saq_queue.job(job.key)

    assert found is not None
    assert (found.status, found.scheduled) == (Status.QUEUED, 4_000_000_000)
    assert (await saq_queue.info())["scheduled"] == 1


async def test_shown_http_task_keeps_its_secrets(saq_queue: SaqQueue) -> None:
    """What SAQ's page shows of a task has neither body nor headers nor query string."""
    await saq_queue.tasks.submit(
        TaskId("1"), a_task("http://a.test/x?token=secret", body=b"secret")
    )
    job = await saq_queue.job("1")

    assert job is not None
    assert job.kwargs == {"method": "POST", "url": "http://a.test/x?…"}
    assert "secret" not in str(job.to_dict())


async def test_jobs_come_in_the_order_asked(saq_queue: SaqQueue) -> None:
    """``jobs`` returns one result per key, None for an unknown one."""
    for key in ("a", "b"):
        await _enqueue(saq_queue, "add", key=key)
    found = await saq_queue.jobs(["b", "nothing", "a"])

    assert [job.key if job else None for job in found] == ["b", None, "a"]
    assert await saq_queue.job("nothing") is None


async def test_dequeue_returns_nothing_after_its_time(saq_queue: SaqQueue) -> None:
    """A dequeue with a timeout ends without a job, and the next one gets what comes."""
    first = await saq_queue.dequeue(timeout=0.05)
    await _enqueue(saq_queue, "add", key="1")
    second = await saq_queue.dequeue(timeout=5)

    assert first is None
    assert second is not None
    assert second.key == "1"


async def test_unreadable_job_is_a_dead_letter_and_others_go_on(
    saq_queue: SaqQueue, scripted: ScriptedQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A job whose JSON is damaged is kept among the dead; a page that shows it still works."""
    await _enqueue(saq_queue, "add", key="damaged")
    raw = await raw_redis.get(scripted.key("t:damaged"))
    await raw_redis.set(scripted.key("t:damaged"), raw.replace(b'{"', b"{!"))
    shown = await saq_queue.job("damaged")
    await _enqueue(saq_queue, "add", key="whole")
    job = await saq_queue.dequeue(timeout=5)

    assert shown is not None
    assert "cannot be read" in (shown.error or "")
    assert job is not None
    assert job.key == "whole"
    assert (await scripted.reader.record("damaged")).state is State.DEAD


async def test_job_with_a_long_traceback_is_settled(
    saq_queue: SaqQueue, scripted: ScriptedQueue
) -> None:
    """An error of any length does not keep a job from being settled."""
    await _enqueue(saq_queue, "fail", key="1")
    job = await saq_queue.dequeue(timeout=5)
    assert job is not None
    job.attempts += 1
    await job.finish(Status.FAILED, error="x" * 200_000)
    found = await saq_queue.job("1")

    assert found is not None
    assert found.error == "x" * 200_000
    await scripted.inspector.check()


async def test_sweep_does_nothing(saq_queue: SaqQueue) -> None:
    """SAQ's sweep, which could repeat a job, finds nothing to do: leases do its work."""
    await _enqueue(saq_queue, "add", key="1")
    await saq_queue.dequeue(timeout=5)

    assert await saq_queue.sweep() == []
    assert await saq_queue.count("active") == 1


async def test_hooks_before_enqueueing_are_called(saq_queue: SaqQueue) -> None:
    """SAQ's ``register_before_enqueue`` sees each job before it is kept."""
    seen: list[str] = []

    async def note(job: Job) -> None:
        seen.append(job.function)

    saq_queue.register_before_enqueue(note)
    await _enqueue(saq_queue, "add")

    assert seen == ["add"]


async def test_queue_without_redis_says_so(
    saq_queue: SaqQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """SAQ's calls fail in our words, too, when Redis refuses."""
    await raw_redis.set(f"{{{saq_queue.name}}}:dead", "not a sorted set")
    with pytest.raises(QueueUnavailableError, match="WRONGTYPE"):
        await saq_queue.info()
    await raw_redis.delete(f"{{{saq_queue.name}}}:dead")
