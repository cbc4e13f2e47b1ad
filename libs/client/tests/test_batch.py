from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from queue_client import BatchInterruptedError, NewTask, QueueClient, RetryPolicy
from queue_client.testing import FakeQueue

from .scripted_api import DROP, Answer, scripted

QUICK = RetryPolicy(max_retries=1, first_delay=0.01)
URL = "https://example.com/"


def lines(count: int, status: int = 201) -> Answer:
    items = [{"index": i, "status": status, "task_id": f"t-{i}"} for i in range(count)]
    return Answer(200, b"\n".join(json.dumps(item).encode() for item in items))


def keys(body: bytes) -> list[str]:
    return [json.loads(line)["idempotency_key"] for line in body.splitlines()]


def test_a_batch_takes_any_iterable_and_answers_in_order(fake_queue: FakeQueue) -> None:
    """Tasks, dicts and lines from a generator are sent in chunks and answered by their index."""

    def tasks() -> Iterator[NewTask | dict[str, Any] | bytes]:
        yield NewTask(URL + "0", delay="5m")
        yield {"url": URL + "1", "labels": {"a": "b"}}
        yield b'{"url": "https://example.com/2", "delay": "1m"}'

    items = [*fake_queue.client().send_batch(tasks(), chunk_size=2)]

    assert [item.index for item in items] == [0, 1, 2]
    assert [sent.url for sent in fake_queue.sent] == [URL + "0", URL + "1", URL + "2"]
    assert [sent.state for sent in fake_queue.sent] == ["scheduled", "queued", "scheduled"]


async def test_the_async_batch_takes_async_iterables_too(fake_queue: FakeQueue) -> None:
    """The asyncio client takes an async generator and a list alike."""

    async def tasks() -> AsyncIterator[NewTask]:
        for n in range(5):
            yield NewTask(f"{URL}{n}")

    async with fake_queue.async_client() as client:
        first = [item.index async for item in client.send_batch(tasks(), chunk_size=2)]
        second = [item.index async for item in client.send_batch([NewTask(URL)])]

    assert (first, second, len(fake_queue.sent)) == ([0, 1, 2, 3, 4], [0], 6)


def test_no_more_tasks_are_taken_than_are_needed(fake_queue: FakeQueue) -> None:
    """A batch of an endless generator can be left at any time."""
    taken = []

    def endless() -> Iterator[NewTask]:
        while True:
            taken.append(1)
            yield NewTask(URL)

    batch = fake_queue.client().send_batch(endless(), chunk_size=10)
    next(batch)
    batch.close()

    assert len(taken) == 10


def test_a_lost_answer_repeats_a_chunk_under_the_same_keys() -> None:
    """A chunk whose answer was lost is sent again, and each task has its key of before."""
    tasks = [NewTask(URL)] * 3
    with scripted(lines(2), DROP, lines(1)) as api, QueueClient(api.url, retry=QUICK) as client:
        items = [*client.send_batch(tasks, chunk_size=2, batch_id="b")]

        assert [item.index for item in items] == [0, 1, 2]
        assert [keys(body) for *_, body in api.requests] == [["b-0", "b-1"], ["b-2"], ["b-2"]]


def test_a_batch_that_stopped_goes_on_under_its_id(fake_queue: FakeQueue) -> None:
    """A batch that is sent again from the start under the same id doubles nothing."""
    client = fake_queue.client(retry=RetryPolicy(max_retries=0))
    tasks = [NewTask(f"{URL}{n}") for n in range(6)]
    batch = client.send_batch(tasks, chunk_size=2)
    next(batch)
    fake_queue.refuse(503, "queue-unavailable")
    with pytest.raises(BatchInterruptedError, match="after 2 tasks") as stopped:
        list(batch)

    again = [*client.send_batch(tasks, chunk_size=2, batch_id=stopped.value.batch_id)]

    assert [item.status for item in again] == [200, 200, 201, 201, 201, 201]
    assert len(fake_queue.sent) == 6


def test_only_what_was_refused_for_now_is_sent_again() -> None:
    """Of a chunk with a 429 in it just that task is repeated."""
    problem = {"type": "urn:queue-system:problem:backlog-full", "status": 429}
    mixed = [
        {"index": 0, "status": 201, "task_id": "a"},
        {"index": 1, "status": 429, "problem": problem},
    ]
    first = Answer(200, b"\n".join(json.dumps(item).encode() for item in mixed))
    with scripted(first, lines(1)) as api, QueueClient(api.url, retry=QUICK) as client:
        items = [*client.send_batch([NewTask(URL)] * 2, batch_id="b")]

        assert [item.status for item in items] == [201, 201]
        assert keys(api.requests[1][3]) == ["b-1"]


def test_a_refused_task_that_should_wait_too_long_is_told() -> None:
    """A longer wait than the client's policy allows is the caller's: nothing is sent again."""
    problem = {"type": "urn:queue-system:problem:limit-exceeded", "status": 429}
    line = {"index": 0, "status": 429, "problem": problem, "retry_after": 3600}
    with (
        scripted(Answer(200, json.dumps(line).encode())) as api,
        QueueClient(api.url, retry=QUICK) as client,
    ):
        (item,) = client.send_batch([NewTask(URL)], batch_id="b")

        assert (item.status, item.retry_after, len(api.requests)) == (429, 3600, 1)


def test_what_is_wrong_with_one_task_stops_no_other(fake_queue: FakeQueue) -> None:
    """A task that is refused has a problem in its place; the others are accepted."""
    client = fake_queue.client()
    client.send(URL, idempotency_key="k")
    tasks = [NewTask(URL + "other", idempotency_key="k"), NewTask(URL)]

    bad, good = client.send_batch(tasks)

    assert (bad.accepted, bad.problem and bad.problem.kind) == (False, "idempotency-conflict")
    assert good.accepted
