"""Events of tasks and lanes, as they happen."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import redis.asyncio

from queue_common.queue import TaskQueue
from queue_common.queue.activity import watching
from queue_common.queue.storage.connection import reply
from queue_common.queue.storage.keys import Key
from queue_common.retry import Dead, Done, RetryAt
from queue_common.settings import RedisSettings
from queue_common.task import TaskId
from queue_testing import wait_until
from queue_testing.tasks import a_task, now_ms

from .conftest import Api
from .test_manage_tasks import TASKS, _create, _settle, client

__all__ = ["client"]

EVENTS = "/api/v1/events"


class Watch:
    """Reads a stream of events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.comments: list[str] = []

    async def read(self, response: httpx.Response) -> None:
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                self.events.append(json.loads(value))
            elif name == "id":
                self.ids.append(value)
            elif line.startswith(":"):
                self.comments.append(line)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@asynccontextmanager
async def _watch(
    client: httpx.AsyncClient, *, last: str | None = None, **params: str
) -> AsyncIterator[Watch]:
    watch = Watch()
    headers = {} if last is None else {"Last-Event-ID": last}
    async with client.stream("GET", EVENTS, params=params, headers=headers, timeout=60) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(watch.read(response))
        await wait_until(lambda: watch.comments, "the stream has begun")
        try:
            yield watch
        finally:
            reading.cancel()


def _has(watch: Watch, *types: str) -> Callable[[], bool]:
    return lambda: watch.types == list(types)


async def test_a_tasks_life_is_told(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A watcher hears of a task's acceptance, failure, run and death, from all processes."""
    async with _watch(client) as watch:
        task_id = await _create(client, labels={"customer": "acme"})
        await _settle(api, redis_settings, task_id, RetryAt(now_ms() + 3_600_000))
        await client.post(f"{TASKS}/{task_id}/run")
        await _settle(api, redis_settings, task_id, Dead("enough"))
        types = ("task.accepted", "attempt.failed", "task.requeued", "task.dead")
        await wait_until(_has(watch, *types), "all is told")

    failed = watch.events[1]
    assert {event["task_id"] for event in watch.events} == {task_id}
    assert (failed["state"], failed["outcome"], failed["status_code"]) == (
        "scheduled", "http_error", 500,
    )  # fmt: skip
    assert (failed["attempt"], failed["duration_ms"]) == (1, 12.5)
    assert failed["next_attempt_at"] > failed["at"]
    assert failed["labels"] == {"customer": "acme"}
    assert failed["url"] == "http://localhost:9/x?…"
    assert "s3cret" not in json.dumps(watch.events)


async def test_a_cancellation_and_a_delivery_are_told(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """Filters by type leave out the rest."""
    async with _watch(client, types="task.cancelled,task.delivered") as watch:
        one, two = await _create(client), await _create(client)
        await client.delete(f"{TASKS}/{one}")
        await _settle(api, redis_settings, two, Done())
        await wait_until(_has(watch, "task.cancelled", "task.delivered"), "both are told")

    assert [event["task_id"] for event in watch.events] == [one, two]


async def test_a_watcher_hears_of_its_project_and_filter_alone(
    client: httpx.AsyncClient, api: Api
) -> None:
    """Other projects, lanes and labels are not told."""
    async with _watch(client, label="customer:acme", lane="a.test:80") as watch:
        async with httpx.AsyncClient(base_url=api.url) as other:
            await _create(other, url="http://a.test/", labels={"customer": "acme"})
        await _create(client, url="http://b.test/", labels={"customer": "acme"})
        await _create(client, url="http://a.test/", labels={"customer": "zeta"})
        mine = await _create(client, url="http://a.test/", labels={"customer": "acme"})
        await wait_until(_has(watch, "task.accepted"), "the one is told")

    assert watch.events[0]["task_id"] == mine


async def test_a_watcher_resumes_where_it_was(client: httpx.AsyncClient) -> None:
    """With Last-Event-ID a client gets what it missed, and then what follows, each once."""
    async with _watch(client) as anchor:
        async with _watch(client) as watch:
            first = await _create(client)
            await wait_until(_has(watch, "task.accepted"), "the first is told")
        missed = [await _create(client) for _ in range(3)]
        await wait_until(lambda: len(anchor.events) == 4, "all are published")
        async with _watch(client, last=watch.ids[-1]) as again:
            later = await _create(client)
            await wait_until(lambda: len(again.events) >= 4, "all are told")

    assert [event["task_id"] for event in again.events] == [*missed, later]
    assert first not in {event["task_id"] for event in again.events}


async def test_deletions_and_purges_are_told(
    client: httpx.AsyncClient, api: Api, redis_settings: RedisSettings
) -> None:
    """A deleted dead letter is told, and a purge with the number of its tasks."""
    dead = await _create(client)
    await _settle(api, redis_settings, dead, Dead("enough"))
    lane = (await client.get(f"{TASKS}/{dead}")).json()["lane"]
    for _ in range(3):
        await _create(client)
    async with _watch(client, types="task.deleted,lane.purged") as watch:
        await client.delete(f"/api/v1/dead-letters/{dead}")
        await client.post(f"/api/v1/lanes/{lane}/purge")
        await wait_until(_has(watch, "task.deleted", "lane.purged"), "both are told")

    deleted, purged = watch.events
    assert (deleted["task_id"], deleted["lane"]) == (dead, lane)
    assert (purged["lane"], purged["count"]) == (lane, 3)


async def _past(queue: TaskQueue, last: str) -> tuple[list[str], bool]:
    """Return the tasks that a client is told which resumes, and whether it hears of a gap."""
    watcher = await queue.event_hub.watch(lambda _: True)
    page = await queue.event_hub.past(last, watcher.begins_after)
    queue.event_hub.leave(watcher)
    return [event.fields["task_id"] for event in page.events], page.has_gap


async def _one_event(queue: TaskQueue) -> str:
    """Watch until one event is told, and leave."""
    watcher = await queue.event_hub.watch(lambda _: True)
    await queue.submit(TaskId("first"), a_task())
    event = await watcher.next(10)
    queue.event_hub.leave(watcher)
    assert event is not None
    return event.id


async def _publish(queue: TaskQueue, *task_ids: str) -> None:
    for task_id in task_ids:
        await queue.submit(TaskId(task_id), a_task())
        await queue.activity.close()


async def test_the_last_watcher_may_come_back(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Events are published for 10 minutes after the last watcher left: it misses none."""
    last = await _one_event(queue)
    until = int(await reply(raw_redis.hget(queue.keys.of(Key.COUNTERS), "watched_until")) or 0)
    await _publish(queue, "1", "2")

    assert until - now_ms() > 590_000
    assert await _past(queue, last) == (["1", "2"], False)


async def test_a_gap_is_told_if_nobody_watched(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that comes back after nothing was published for a while hears of a gap."""
    monkeypatch.setattr(watching, "BLOCK_MS", 10)
    last = await _one_event(queue)
    until = {"watched_until": str(now_ms() - 1)}
    await reply(raw_redis.hset(queue.keys.of(Key.COUNTERS), mapping=until))
    await _publish(queue, "1")

    async def is_told() -> bool:
        told, has_gap = await _past(queue, last)
        return has_gap and not told

    # The reader of events of the process ends a little after its last watcher.
    assert await wait_until(is_told, "the gap is told")


async def test_a_gap_is_told_if_events_were_cut(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """A watcher hears of a gap if events behind its last one are no longer kept."""
    last = await _one_event(queue)
    await _publish(queue, "1", "2", "3")
    await raw_redis.xtrim(queue.keys.of(Key.EVENTS), maxlen=1, approximate=False)

    assert await _past(queue, last) == (["3"], True)


async def test_a_reader_that_is_too_slow_tells_of_a_gap(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the stream is cut behind the process' reader, its watchers hear of a gap."""
    monkeypatch.setattr(watching, "PAGE", 1)
    watcher = await queue.event_hub.watch(lambda _: False)
    event = json.dumps({"type": "task.accepted"})
    async with raw_redis.pipeline(transaction=True) as pipeline:
        for _ in range(3):
            pipeline.xadd(queue.keys.of(Key.EVENTS), {"e": event})
        pipeline.xtrim(queue.keys.of(Key.EVENTS), maxlen=1, approximate=False)
        await pipeline.execute()
    told = await watcher.next(10)

    assert told is not None
    assert told.is_gap


async def test_a_stream_tells_of_a_gap_first(client: httpx.AsyncClient) -> None:
    """Whatever the filter, an id that is not kept gets a gap, and no more at the next time."""
    async with _watch(client, last="1-1", types="task.dead") as watch:
        await wait_until(_has(watch, "gap"), "the gap is told")

    assert watch.events[0]["at"]


async def test_nothing_is_published_while_nobody_watches(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """Without a watcher no event is written."""
    for i in range(20):
        await queue.submit(TaskId(str(i)), a_task())
    await queue.operations.cancel(TaskId("1"))
    await queue.activity.close()

    assert not await raw_redis.exists(f"{queue.keys.prefix}events")


async def _readers(raw_redis: redis.asyncio.Redis) -> int:
    """Count the connections that wait for events."""
    clients = await raw_redis.client_list(_type="normal")
    return sum(found["cmd"] == "xread" for found in clients)


async def test_many_watch_over_one_connection(
    queue: TaskQueue, raw_redis: redis.asyncio.Redis
) -> None:
    """However many watch in a process, one connection waits for events."""
    before = await _readers(raw_redis)
    watchers = [await queue.event_hub.watch(lambda _: True) for _ in range(50)]
    await queue.submit(TaskId("1"), a_task())
    told = [await watcher.next(10) for watcher in watchers]

    assert all(event is not None and event.fields["task_id"] == "1" for event in told)
    assert await _readers(raw_redis) <= before + 1


async def test_a_slow_watcher_is_cut_off(queue: TaskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a watcher that does not read is bounded."""
    monkeypatch.setattr(watching, "MAX_WATCHER_BYTES", 2000)
    slow = await queue.event_hub.watch(lambda _: True)
    fast = await queue.event_hub.watch(lambda _: True)
    for i in range(20):
        await queue.submit(TaskId(str(i)), a_task())
        assert await fast.next(10) is not None

    assert slow.ended
    assert not fast.ended


async def test_a_stop_ends_the_streams(api_at: Api) -> None:
    """A process that is told to stop does not wait for those who watch."""
    api_at.start()
    await api_at.until_alive()
    async with httpx.AsyncClient(base_url=api_at.url) as client, _watch(client):
        began = time.monotonic()
        api_at.terminate()
        code = await api_at.until_ended()

    assert code == 0
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("params", [{"types": "task.lost"}, {"state": "x"}, {"label": "x"}])
async def test_a_wrong_filter_is_refused(params: dict[str, str], client: httpx.AsyncClient) -> None:
    """A filter that cannot be is a 422, and no stream."""
    assert (await client.get(EVENTS, params=params)).status_code == 422
