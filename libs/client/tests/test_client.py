from __future__ import annotations

import pytest

from queue_client import AsyncQueueClient, NotFoundError, QueueClient, WaitTimeoutError
from queue_testing.receiver import Receiver
from queue_testing.system import System


async def test_a_sent_task_is_delivered(async_client: AsyncQueueClient) -> None:
    """A task goes to its destination as it was given, and its state tells so."""
    async with Receiver() as receiver:
        created = await async_client.send(
            receiver.url + "/hook", method="PUT", headers={"X-A": "1"}, body={"n": 1}
        )
        task = await async_client.wait(created.task_id, timeout=20)

        assert (task.state, task.attempts) == ("delivered", 1)
        (request,) = receiver.to("/hook")
        assert (request.method, request.body, request.headers["X-A"]) == ("PUT", b'{"n":1}', "1")


async def test_bytes_go_as_they_are(async_client: AsyncQueueClient) -> None:
    """A body of bytes arrives as these bytes."""
    async with Receiver() as receiver:
        created = await async_client.send(receiver.url + "/bytes", body=b"\xff\x00")
        await async_client.wait(created.task_id, timeout=20)

        assert receiver.to("/bytes")[0].body == b"\xff\x00"


def test_an_unknown_task_is_not_found(client: QueueClient) -> None:
    """Looking up what is not there raises NotFoundError."""
    with pytest.raises(NotFoundError):
        client.get_task("01a20d94-4598-77ff-aa01-ede0158d74bc")


def test_waiting_ends_with_its_time(client: QueueClient) -> None:
    """A wait for a task that does not end raises once its time is up."""
    created = client.send("http://127.0.0.1:9/nobody")

    with pytest.raises(WaitTimeoutError, match=created.task_id):
        client.wait(created.task_id, timeout=0.2)


def test_url_and_token_come_from_the_environment(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QUEUE_URL, QUEUE_TOKEN and QUEUE_PROJECT are used if nothing else is given."""
    monkeypatch.setenv("QUEUE_URL", system.url + "/")
    monkeypatch.setenv("QUEUE_TOKEN", "qk_a_b")
    monkeypatch.setenv("QUEUE_PROJECT", "shop")

    with QueueClient() as client:
        assert client.health()
        assert client.connection.headers() == {
            "Authorization": "Bearer qk_a_b", "X-Project": "shop",
        }  # fmt: skip


def test_a_url_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A QUEUE_URL that is none is named with what it should be."""
    monkeypatch.setenv("QUEUE_URL", "localhost:8080")

    with pytest.raises(ValueError, match="QUEUE_URL"):
        QueueClient()
