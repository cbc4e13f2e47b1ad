"""What is sealed of tasks: Redis sees none of it, and nobody opens it without the key."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from redis.asyncio import Redis

from queue_common.errors import UnreadableRecordError
from queue_common.options import Callback, TaskOptions
from queue_common.queue import TaskQueue
from queue_common.retry import Dead, Done
from queue_common.sealing import Sealer, open_task, seal_task
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import Outcome, State, Task, TaskId, new_task_id
from queue_testing.tasks import a_task, an_attempt

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = "the-secret-words"
KEYS = {"new": NEW, "old": OLD}
ID = TaskId("01a20d94-4598-77ff-aa01-ede0158d74bc")


def variable(keys: dict[str, bytes]) -> SecretStr:
    return SecretStr(",".join(f"{i}:{base64.b64encode(k).decode()}" for i, k in keys.items()))


def secret_task() -> Task:
    """A task with a secret in each part that is sealed."""
    callback = Callback(f"http://told.test/done?c={SECRET}", ("delivered",), {"X-Key": SECRET})
    task = a_task(
        f"http://destination.test/path?key={SECRET}", body=f"b {SECRET}".encode(),
        headers={"Authorization": SECRET},
    )  # fmt: skip
    return msgspec.structs.replace(task, options=TaskOptions(callback=callback))


@pytest.fixture
async def sealing(
    redis_settings: RedisSettings, queue_settings: QueueSettings
) -> AsyncIterator[Callable[..., TaskQueue]]:
    """Opens clients of the test's queue with keys."""
    opened: list[TaskQueue] = []

    def open_(**keys: bytes) -> TaskQueue:
        settings = queue_settings.model_copy(
            update={"encryption_keys": variable(keys) if keys else None}
        )
        opened.append(TaskQueue(redis_settings, settings))
        return opened[-1]

    yield open_
    for queue in opened:
        await queue.disconnect()


async def all_bytes(redis: Redis, queue: TaskQueue) -> bytes:
    """Return all that is in Redis of the queue's strings, lists and hashes."""
    found = []
    async for key in redis.scan_iter(f"{queue.keys.prefix}*"):
        match await redis.type(key):
            case b"string":
                found.append(await redis.get(key))
            case b"list":
                found += await redis.lrange(key, 0, -1)  # type: ignore[misc]
            case b"hash":
                found += await redis.hvals(key)  # type: ignore[misc]
    return b"\n".join(value or b"" for value in found)


@given(
    st.dictionaries(st.text(), st.text()), st.none() | st.binary(),
    st.sampled_from(["", "?", "?a=b", "?a?b#"]), st.booleans(),
)  # fmt: skip
def test_what_is_sealed_opens_whole(
    headers: dict[str, str], body: bytes | None, query: str, with_callback: bool
) -> None:
    """A task that was sealed and opened is the task that was sent, whatever it holds."""
    options = None
    if with_callback:
        options = TaskOptions(callback=Callback(f"http://x/{query}", ("dead",), headers))
    task = msgspec.structs.replace(
        a_task(f"http://x/y{query}", headers=headers, body=body), options=options
    )
    sealed = seal_task(Sealer(KEYS), ID, task)

    assert (sealed.headers, sealed.body, "?" in sealed.url) == ({}, None, False)
    assert open_task(Sealer(KEYS), ID, Task.decode(sealed.encode())) == task


@pytest.mark.parametrize(
    ("keys", "task_id", "reason"),
    [
        ({"old": OLD}, ID, "the key 'new', which ENCRYPTION_KEYS does not have"),
        ({}, ID, "the key 'new', which ENCRYPTION_KEYS does not have"),
        ({"new": OLD}, ID, "seal is broken"),
        (KEYS, new_task_id(), "seal is broken"),
    ],
)
def test_it_opens_with_its_key_for_its_id_alone(
    keys: dict[str, bytes], task_id: TaskId, reason: str
) -> None:
    """Another key, no key, or another task's id opens nothing, and the error says which."""
    sealed = seal_task(Sealer(KEYS), ID, secret_task())

    with pytest.raises(UnreadableRecordError, match=reason):
        open_task(Sealer(keys), task_id, sealed)


@pytest.mark.parametrize("at", [0, 1, 2, 5, 20, -1])
def test_a_changed_seal_is_refused(at: int) -> None:
    """A seal of which one bit was changed does not open."""
    sealed = seal_task(Sealer(KEYS), ID, secret_task())
    assert sealed.sealed is not None
    changed = bytearray(sealed.sealed)
    changed[at] ^= 1

    with pytest.raises(UnreadableRecordError):
        open_task(Sealer(KEYS), ID, msgspec.structs.replace(sealed, sealed=bytes(changed)))


def test_the_first_key_seals_and_all_open() -> None:
    """While keys are rotated, old tasks open and new ones need the new key."""
    task, rotated = secret_task(), Sealer(KEYS)
    before = seal_task(Sealer({"old": OLD}), ID, task)
    after = seal_task(rotated, ID, task)

    assert open_task(rotated, ID, before) == open_task(rotated, ID, after) == task
    with pytest.raises(UnreadableRecordError):
        open_task(Sealer({"old": OLD}), ID, after)


@pytest.mark.parametrize("value", ["x", "a:", "a:c2hvcnQ=", "a b:" + "A" * 43 + "=", ":", ","])
def test_what_is_no_key_is_refused(value: str) -> None:
    """ENCRYPTION_KEYS has ids and keys of 32 bytes; what is wrong is not repeated."""
    with pytest.raises(ValidationError, match="should be id:key"):
        QueueSettings(encryption_keys=SecretStr(value))


async def test_redis_sees_no_secret(sealing: Callable[..., TaskQueue], raw_redis: Redis) -> None:
    """At no time in a task's life is a part that is sealed in Redis, its callback's neither."""
    queue = sealing(new=NEW)
    await queue.start_consuming(worker_id="w", concurrency=10)
    assert await queue.submit(ID, secret_task())
    seen = await all_bytes(raw_redis, queue)
    (claim,) = await queue.claim(10)
    assert queue.opened(claim).task == secret_like(claim.task)
    await queue.settle(claim, an_attempt(), Done())
    seen += await all_bytes(raw_redis, queue)
    (callback,) = await queue.claim(10)
    told = queue.opened(callback).task
    seen += await all_bytes(raw_redis, queue)

    assert SECRET.encode() not in seen
    assert b"destination.test/path" in seen
    assert told is not None
    assert (told.url, told.headers["X-Key"]) == (f"http://told.test/done?c={SECRET}", SECRET)


def secret_like(task: Task | None) -> Task:
    """Return the secret task, accepted when ``task`` was."""
    assert task is not None
    return msgspec.structs.replace(secret_task(), accepted_at_ms=task.accepted_at_ms)


async def test_a_dead_letter_is_requeued_with_what_it_had(
    sealing: Callable[..., TaskQueue],
) -> None:
    """A sealed task that died runs again, and its request can be looked at with the key."""
    queue = sealing(new=NEW)
    await queue.start_consuming(worker_id="w", concurrency=10)
    await queue.submit(ID, secret_task())
    (claim,) = await queue.claim(10)
    await queue.settle(claim, an_attempt(Outcome.HTTP_ERROR), Dead("enough"))
    whole = await queue.reader.whole_task(ID)
    with pytest.raises(UnreadableRecordError, match="sealed with the key 'new'"):
        await sealing().reader.whole_task(ID)
    await queue.operations.requeue(ID)
    (again,) = await queue.claim(10)

    assert whole is not None
    assert whole.body == f"b {SECRET}".encode()
    opened = queue.opened(again).task
    assert opened is not None
    assert opened.headers == {"Authorization": SECRET}
    assert (await queue.get_task(ID)).state is State.ACTIVE


async def test_tasks_of_before_are_read(sealing: Callable[..., TaskQueue]) -> None:
    """A task that was stored before there were keys is read with them."""
    await sealing().submit(ID, secret_task())
    queue = sealing(new=NEW)
    await queue.start_consuming(worker_id="w", concurrency=10)
    (claim,) = await queue.claim(10)

    assert queue.opened(claim) is claim
    assert claim.task is not None
    assert claim.task.headers == {"Authorization": SECRET}
