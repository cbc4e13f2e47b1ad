from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from queue_client import (
    AsyncQueueClient,
    BatchInterruptedError,
    NewTask,
    QueueClient,
    RetryPolicy,
)
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
    """A batch of an endless generator is at most its requests in flight ahead, and can be left."""
    taken = []

    def endless() -> Iterator[NewTask]:
        while True:
            taken.append(1)
            yield NewTask(URL)

    batch = fake_queue.client().send_batch(endless(), chunk_size=10, in_flight=2)
    next(batch)
    batch.close()

    assert len(taken) in {10, 20}


def test_a_lost_answer_repeats_a_chunk_under_the_same_keys() -> None:
    """A chunk whose answer was lost is sent again, and each task has its key of before."""
    tasks = [NewTask(URL)] * 3
    with scripted(lines(2), DROP, lines(1)) as api, QueueClient(api.url, retry=QUICK) as client:
        items = [*client.send_batch(tasks, chunk_size=2, batch_id="b", in_flight=1)]

        assert [item.index for item in items] == [0, 1, 2]
        assert [keys(body) for *_, body in api.requests] == [["b-0", "b-1"], ["b-2"], ["b-2"]]


def test_a_batch_that_stopped_goes_on_under_its_id(fake_queue: FakeQueue) -> None:
    """A batch that is sent again from the start under the same id doubles nothing."""
    client = fake_queue.client(retry=RetryPolicy(max_retries=0))
    tasks = [NewTask(f"{URL}{n}") for n in range(6)]
    batch = client.send_batch(tasks, chunk_size=2, in_flight=1)
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


BAD = [
    (b"notjson", 400, "is not JSON"),
    (b'{"url": "https://example.com/"', 400, "is not JSON"),
    (b"[1, 2]", 422, "should be a JSON object"),
    (b"", 400, "is not JSON"),
    ({"url": URL, "lables": {}}, 422, "lables"),
    ({"url": URL, "body": object()}, 422, "object"),
]


@pytest.mark.parametrize(("task", "status", "said"), BAD)
def test_what_is_no_task_is_refused_in_its_place(
    fake_queue: FakeQueue, task: Any, status: int, said: str
) -> None:
    """A line that is no JSON, or no task, is an answer among the others, and they are sent."""
    first, bad, last = fake_queue.client().send_batch([NewTask(URL), task, NewTask(URL)])

    assert [item.index for item in (first, bad, last)] == [0, 1, 2]
    assert (first.accepted, bad.status, last.accepted) == (True, status, True)
    assert bad.problem
    assert said in bad.problem.sentence


def test_a_batch_of_nothing_but_bad_lines_makes_no_request() -> None:
    """Where no line is a task nothing is sent."""
    with scripted(lines(0)) as api, QueueClient(api.url, retry=QUICK) as client:
        assert [item.status for item in client.send_batch([b"no", b"no"])] == [400, 400]

        assert api.requests == []


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (
            b'{"url": "u", "lables": {"a": 1}, "delay": 5}\r\n',
            b'{"url": "u", "lables": {"a": 1}, "delay": 5,"idempotency_key":"b\\"-0"}',
        ),
        (b'\xef\xbb\xbf{"url": "u"}', b'{"url": "u","idempotency_key":"b\\"-0"}'),
        (b'{\n  "url": "u\\n"\n}', b'{"url":"u\\n","idempotency_key":"b\\"-0"}'),
        (b'{ "url": "task_id"}', b'{ "url": "task_id","idempotency_key":"b\\"-0"}'),
        (b"{ }", b'{"idempotency_key":"b\\"-0"}'),
        (b'{"task_id": "t", "url": "u"}', b'{"task_id": "t", "url": "u"}'),
        (b'{"url": "u", "idempotency_key": "k"}', b'{"url": "u", "idempotency_key": "k"}'),
    ],
)
def test_a_line_is_sent_as_it_is_with_a_key(line: bytes, sent: bytes) -> None:
    """Nothing of a line is lost, unknown fields neither; a key is added if it has no name."""
    with scripted(lines(1)) as api, QueueClient(api.url, retry=QUICK) as client:
        [*client.send_batch([line], batch_id='b"')]

        assert api.requests[0][3] == sent + b"\n"


class Meeting:
    """A transport that answers a request once two are there, and counts those at a time."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=20)
        self.now, self.most = 0, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        self.barrier.wait()
        self.now -= 1
        return httpx.Response(200, content=lines(request.content.count(b"\n")).body)


def test_requests_overlap_and_answers_are_in_order() -> None:
    """As many requests as ``in_flight`` says are made at a time; the answers keep the order."""
    meeting = Meeting()
    client = QueueClient("http://api", transport=httpx.MockTransport(meeting))

    items = [*client.send_batch([NewTask(URL)] * 8, chunk_size=2, in_flight=2)]

    assert [item.index for item in items] == [*range(8)]
    assert meeting.most == 2


async def test_requests_of_the_async_batch_overlap_too() -> None:
    """The asyncio client keeps as many requests in flight, and no more."""
    now = most = 0
    both = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if most == 2:
            both.set()
        await both.wait()
        now -= 1
        return httpx.Response(200, content=lines(request.content.count(b"\n")).body)

    async with AsyncQueueClient("http://api", transport=httpx.MockTransport(answer)) as client:
        sent = client.send_batch([NewTask(URL)] * 8, chunk_size=2, in_flight=2)
        assert [item.index async for item in sent] == [*range(8)]

    assert most == 2


def test_an_error_leaves_nothing_in_flight() -> None:
    """Once a batch has stopped nothing more of it is sent, and what was answered counts."""
    seen: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(keys(request.content))
        if keys(request.content) == ["b-1"]:
            return httpx.Response(401, content=b"{}")
        return httpx.Response(200, content=lines(1).body)

    client = QueueClient("http://api", transport=httpx.MockTransport(answer), retry=QUICK)
    sent = client.send_batch([NewTask(URL)] * 50, chunk_size=1, batch_id="b", in_flight=3)
    with pytest.raises(BatchInterruptedError, match="after 1 tasks"):
        list(sent)

    count = len(seen)
    assert count <= 4
    assert [*sent] == []
    assert len(seen) == count


async def test_the_async_batch_says_what_stopped_it() -> None:
    """The asyncio client's error names the batch, and the number of tasks that are answered."""
    transport = httpx.MockTransport(lambda _: httpx.Response(401, content=b"{}"))
    async with AsyncQueueClient("http://api", transport=transport) as client:
        with pytest.raises(BatchInterruptedError, match="the batch b stopped after 0 tasks"):
            [item async for item in client.send_batch([NewTask(URL)], batch_id="b")]
