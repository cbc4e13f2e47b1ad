"""Signed and sealed deliveries, by a real worker, verified as a receiver would."""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec
import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from queue_common.lanes import lane_in
from queue_common.queue import TaskQueue
from queue_common.sealing import Sealer
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.signing import SigningSecrets, new_secret, parse_secret
from queue_common.task import Attempt, Outcome, State, new_task_id
from queue_testing import wait_until
from queue_testing.receiver import Received, Receiver
from queue_testing.tasks import a_task

from .test_worker_process import Worker, new_worker, receiver

__all__ = ["new_worker", "receiver"]

DEFAULT, NEXT_DEFAULT = new_secret(), new_secret()


def verify(secret: str, request: Received) -> object:
    """Verify a request as the specification's own package does."""
    return Webhook(secret).verify(request.body.decode(), dict(request.headers))


async def delivered(
    queue: TaskQueue, receiver: Receiver, path: str, project: str = "default",
    headers: dict[str, str] | None = None,
) -> Received:  # fmt: skip
    """Send a task and return the request that came."""
    task = a_task(f"{receiver.url}{path}", body=b'{"a": "\xc3\xa9"}', headers=headers)
    task = msgspec.structs.replace(task, lane=lane_in(project, task.lane))
    await queue.submit(new_task_id(), task)
    await wait_until(lambda: receiver.to(path), "the request came", 20)
    return receiver.to(path)[0]


async def test_requests_are_signed(
    queue: TaskQueue, receiver: Receiver, new_worker: Callable[[], Worker]
) -> None:
    """With SIGNING_SECRETS a receiver can verify each request, by the old and the new secret."""
    worker = await new_worker().start(SIGNING_SECRETS=f"{DEFAULT},{NEXT_DEFAULT}")
    request = await delivered(queue, receiver, "/signed")

    assert verify(DEFAULT, request) == verify(NEXT_DEFAULT, request) == {"a": "é"}
    assert request.headers["webhook-id"] == request.headers["X-Task-Id"]
    with pytest.raises(WebhookVerificationError):
        verify(new_secret(), request)
    assert DEFAULT not in worker.output()


async def test_each_attempt_has_a_timestamp_of_its_own(
    queue: TaskQueue, receiver: Receiver, new_worker: Callable[[], Worker]
) -> None:
    """A request that is repeated has the same id and a new signature."""
    receiver.respond_with("/again", [500, 200])
    await new_worker().start(SIGNING_SECRETS=DEFAULT, WORKER_RETRY_INTERVAL="1100ms")
    await delivered(queue, receiver, "/again")
    await wait_until(lambda: len(receiver.to("/again")) == 2, "it was repeated", 20)
    first, second = receiver.to("/again")

    assert verify(DEFAULT, first) == verify(DEFAULT, second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]


async def test_a_project_signs_with_its_own_secrets(
    queue: TaskQueue, receiver: Receiver, new_worker: Callable[[], Worker]
) -> None:
    """Secrets that a project made take the place of SIGNING_SECRETS, while the worker runs."""
    worker = await new_worker().start(SIGNING_SECRETS=DEFAULT)
    await worker.until_ready()
    await delivered(queue, receiver, "/before", "billing")
    own = new_secret()
    store = SigningSecrets(queue, (), Sealer({}))
    await store.add("ss_1", "billing", parse_secret(own))
    paths: list[str] = []

    async def is_signed_so() -> bool:
        paths.append(f"/billing/{len(paths)}")
        request = await delivered(queue, receiver, paths[-1], "billing")
        try:
            verify(own, request)
        except WebhookVerificationError:
            return False
        return True

    await wait_until(is_signed_so, "the worker knows the secret", 20)
    other = await delivered(queue, receiver, "/shop", "shop")

    assert verify(DEFAULT, receiver.to("/before")[0]) == verify(DEFAULT, other)
    with pytest.raises(WebhookVerificationError):
        verify(DEFAULT, receiver.to(paths[-1])[0])


async def test_without_secrets_nothing_is_signed(
    queue: TaskQueue, receiver: Receiver, new_worker: Callable[[], Worker]
) -> None:
    """A worker without secrets sends none of the headers, and none that a task says itself."""
    await new_worker().start()
    request = await delivered(queue, receiver, "/plain", headers={"Webhook-Id": "mine"})

    assert [name for name in request.headers if name.lower().startswith("webhook-")] == []


@pytest.fixture
def sealed_settings(queue_settings: QueueSettings) -> QueueSettings:
    """The queue's settings with a key."""
    key = base64.b64encode(b"k" * 32).decode()
    return queue_settings.model_copy(update={"encryption_keys": SecretStr(f"a:{key}")})


async def test_sealed_tasks_are_delivered(
    redis_settings: RedisSettings, sealed_settings: QueueSettings, receiver: Receiver,
    new_worker: Callable[[], Worker],
) -> None:  # fmt: skip
    """A worker with the key delivers what was sealed: headers, body and query, and signs it."""
    assert sealed_settings.encryption_keys is not None
    key = sealed_settings.encryption_keys.get_secret_value()
    await new_worker().start(ENCRYPTION_KEYS=key, SIGNING_SECRETS=DEFAULT)
    queue = TaskQueue(redis_settings, sealed_settings)
    request = await delivered(queue, receiver, "/sealed", headers={"Authorization": "s3cret"})
    await queue.disconnect()

    assert verify(DEFAULT, request) == {"a": "é"}
    assert request.headers["Authorization"] == "s3cret"


async def test_a_worker_without_the_key_says_so(
    redis_settings: RedisSettings, sealed_settings: QueueSettings, receiver: Receiver,
    new_worker: Callable[[], Worker],
) -> None:  # fmt: skip
    """A task whose key is missing is a dead letter that names the key; with the key it runs."""
    assert sealed_settings.encryption_keys is not None
    queue = TaskQueue(redis_settings, sealed_settings)
    worker = await new_worker().start()
    await worker.until_ready()
    task_id = new_task_id()
    await queue.submit(task_id, a_task(f"{receiver.url}/late", body=b"x"))

    async def is_dead() -> bool:
        return (await queue.get_task(task_id)).state is State.DEAD

    await wait_until(is_dead, "it is dead", 20)
    attempt = (await queue.get_task(task_id)).last_attempt
    assert attempt is not None
    assert attempt.outcome is Outcome.UNREADABLE
    assert "the key 'a', which ENCRYPTION_KEYS does not have" in (attempt.error or "")
    await worker.end()
    await new_worker().start(ENCRYPTION_KEYS=sealed_settings.encryption_keys.get_secret_value())
    await queue.operations.requeue(task_id)
    await wait_until(lambda: receiver.to("/late"), "it is delivered", 20)
    await queue.disconnect()

    assert receiver.to("/late")[0].body == b"x"


async def test_without_a_secrets_key_nothing_is_sent(
    redis_settings: RedisSettings, sealed_settings: QueueSettings, queue: TaskQueue,
    receiver: Receiver, new_worker: Callable[[], Worker],
) -> None:  # fmt: skip
    """If the key of a project's signing secret is missing its attempts fail and say so.

    They are repeated: with the key the request is made, and signed.
    """
    assert sealed_settings.encryption_keys is not None
    sealed = TaskQueue(redis_settings, sealed_settings)
    secret = new_secret()
    await SigningSecrets(sealed, (), sealed.sealer).add("ss_1", "billing", parse_secret(secret))
    await sealed.disconnect()
    worker = await new_worker().start(WORKER_RETRY_INTERVAL="1s")
    await worker.until_ready()
    task = a_task(f"{receiver.url}/unsigned", body=b"{}")
    task_id = new_task_id()
    await queue.submit(task_id, msgspec.structs.replace(task, lane=lane_in("billing", task.lane)))

    async def failed() -> Attempt | None:
        return (await queue.get_task(task_id)).last_attempt

    attempt = await wait_until(failed, "it has failed", 20)
    await worker.end()

    assert attempt is not None
    assert attempt.outcome is Outcome.WORKER_ERROR
    assert attempt.error == (
        "the signing secret ss_1 cannot be read: it is sealed with the key 'a', which "
        "ENCRYPTION_KEYS does not have"
    )
    assert receiver.to("/unsigned") == []
    await new_worker().start(ENCRYPTION_KEYS=sealed_settings.encryption_keys.get_secret_value())
    await wait_until(lambda: receiver.to("/unsigned"), "it is delivered", 20)
    assert verify(secret, receiver.to("/unsigned")[0]) == {}
