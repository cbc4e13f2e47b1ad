from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from queue_client import (
    AsyncQueueClient,
    Callback,
    Filter,
    IdempotencyConflictError,
    InvalidTaskError,
    LimitExceededError,
    NotFoundError,
    QueueClient,
    Retry,
    RetryPolicy,
    WrongStateError,
)
from queue_client.call import Endpoint
from queue_client.testing import FakeQueue, NotFakedError

URL = "https://hooks.example.com/orders"
NOT_FAKED = {"keys", "projects", "audit", "listeners", "retry-preview"}
"""Parts of the API that no program's own test needs in memory."""
MODULE_LEVEL = QueueClient("http://127.0.0.1:9", retry=RetryPolicy(max_retries=0))
MODULE_LEVEL_ASYNC = AsyncQueueClient("http://127.0.0.1:9", retry=RetryPolicy(max_retries=0))


def test_what_is_sent_can_be_looked_at(fake_queue: FakeQueue, queue_client: QueueClient) -> None:
    """The fake has each task as it was sent."""
    queue_client.send(URL, body={"order": 1}, labels={"kind": "order"}, delay="5m")

    (sent,) = fake_queue.sent
    assert (sent.url, sent.body, sent.labels, sent.task.delay, sent.state) == (
        URL, {"order": 1}, {"kind": "order"}, "5m", "scheduled",
    )  # fmt: skip


async def test_the_async_client_has_the_same_queue(
    queue_client: QueueClient, async_queue_client: AsyncQueueClient
) -> None:
    """Both clients of a fake see each other's tasks."""
    task_id = queue_client.send(URL).task_id

    assert (await async_queue_client.get_task(task_id)).lane == "hooks.example.com:443"


def test_clients_made_by_the_program_talk_to_the_fake(fake_queue: FakeQueue) -> None:
    """A client that the code under test makes for itself is the fake's."""
    QueueClient("https://queue.example.com").send(URL)

    assert len(fake_queue.sent) == 1


def test_a_test_says_how_tasks_end(fake_queue: FakeQueue, queue_client: QueueClient) -> None:
    """Tasks are delivered, fail and die as the test tells, and the client sees it."""
    first, second = (queue_client.send(URL).task_id for _ in range(2))
    fake_queue.fail(first, 503)
    assert queue_client.get_task(first).state == "scheduled"

    fake_queue.kill(first)
    fake_queue.deliver_all()

    assert queue_client.wait(second).state == "delivered"
    assert [a.status_code for a in queue_client.list_attempts(first).attempts] == [503, 500]
    (group,) = queue_client.iter_dead_letter_groups()
    assert (group.lane, group.count, group.status_code) == ("hooks.example.com:443", 1, 500)


def test_refusals_can_be_rehearsed(fake_queue: FakeQueue) -> None:
    """A test may let the next request be refused, as the API does at a limit."""
    client = fake_queue.client(retry=RetryPolicy(max_retries=0))
    fake_queue.refuse(429, "limit-exceeded", retry_after=7)

    with pytest.raises(LimitExceededError) as raised:
        client.send(URL)

    assert raised.value.retry_after == 7
    assert client.send(URL).task_id


def test_idempotency_keys_hold(queue_client: QueueClient) -> None:
    """The same key gives the same task; with another request it is refused."""
    first = queue_client.send(URL, idempotency_key="k")
    again = queue_client.send(URL, idempotency_key="k")

    assert (again.task_id, first.repeated, again.repeated) == (first.task_id, False, True)
    with pytest.raises(IdempotencyConflictError):
        queue_client.send(URL + "/other", idempotency_key="k")


def test_acts_follow_the_states(fake_queue: FakeQueue, queue_client: QueueClient) -> None:
    """Cancel, run, replay and delete work where the API lets them, and are refused elsewhere."""
    task_id = queue_client.send(URL, body="text").task_id
    assert queue_client.cancel_task(task_id).state == "cancelled"
    with pytest.raises(WrongStateError):
        queue_client.run_task(task_id)

    new = queue_client.replay_task(task_id, body={"edited": True})

    assert queue_client.get_task(task_id).replays == [new.task_id]
    assert fake_queue.get(new.task_id).body == {"edited": True}
    fake_queue.kill(new.task_id)
    queue_client.delete_dead_letter(new.task_id)
    with pytest.raises(NotFoundError):
        queue_client.get_task(new.task_id)


def test_operations_end_at_once(fake_queue: FakeQueue, queue_client: QueueClient) -> None:
    """An operation on a filter is carried out; a dry run only counts."""
    for n in range(3):
        fake_queue.kill(queue_client.send(f"{URL}/{n}").task_id)
    wanted = Filter(state="dead", url_prefix=URL)
    assert queue_client.start_operation(action="replay", filter=wanted, dry_run=True).done == 0

    operation = queue_client.start_operation(action="replay", filter=wanted)

    assert (operation.done, len(fake_queue.sent)) == (3, 6)
    assert queue_client.get_operation(operation.id).ended
    assert len([*queue_client.iter_operations()]) == 2


def test_lanes_are_paused_limited_and_purged(queue_client: QueueClient) -> None:
    """Lanes can be changed and looked at."""
    queue_client.send(URL, lane="a:b/c")
    queue_client.pause_lane("a:b/c")
    queue_client.set_lane("a:b/c", concurrency=5)

    (lane,) = queue_client.iter_lanes()

    assert (lane.lane, lane.paused, lane.limits.concurrency, lane.waiting) == ("a:b/c", True, 5, 1)
    assert queue_client.purge_lane("a:b/c").purged == 1
    assert queue_client.stats().now.waiting == 0


def test_all_pages_are_turned(queue_client: QueueClient) -> None:
    """An iteration goes over all pages."""
    for n in range(5):
        queue_client.send(URL, labels={"n": str(n)})

    found = [task.labels["n"] for task in queue_client.iter_tasks(limit=2)]

    assert found == ["0", "1", "2", "3", "4"]


def test_the_fake_answers_what_the_client_can_ask(fake_queue: FakeQueue) -> None:
    """No endpoint is missing in the fake but for those that are named here."""
    missing = {
        endpoint.path.removeprefix("/api/v1/").strip("/").split("/")[0]
        for name in dir(QueueClient)
        if isinstance(endpoint := getattr(QueueClient, name), Endpoint)
        and not fake_queue.answers(endpoint.method, re.sub(r"{\w+}", "x", endpoint.path))
    }

    assert missing == NOT_FAKED


async def test_clients_made_before_do_not_reach_the_network(fake_queue: FakeQueue) -> None:
    """Clients of a module, and those with a transport of the network, are the fake's."""
    MODULE_LEVEL.send(URL)
    await MODULE_LEVEL_ASYNC.send(URL)
    QueueClient("http://127.0.0.1:9", transport=httpx.HTTPTransport()).send(URL)
    MODULE_LEVEL.with_options(token="qk_a_b").send(URL)

    assert len(fake_queue.sent) == 4


def test_another_fake_is_apart(fake_queue: FakeQueue) -> None:
    """The clients of a further fake, and of a mock transport, stay with theirs."""
    other = FakeQueue()
    other.client().send(URL)
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json={"status": "mock"}))

    assert QueueClient("http://api", transport=mock).health() == {"status": "mock"}
    assert (len(fake_queue.sent), len(other.sent)) == (0, 1)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("url", {"url": "ftp://example.com"}),
        ("url", {"url": "https://"}),
        ("url", {"url": "https://a:b@example.com"}),
        ("url", {"url": "http://[bad"}),
        ("method", {"method": "FETCH"}),
        ("headers.Host", {"headers": {"Host": "x"}}),
        ("headers.no name", {"headers": {"no name": "x"}}),
        ("headers.X", {"headers": {"X": "a\nb"}}),
        ("delay", {"delay": "nonsense"}),
        ("delay", {"delay": "1s", "schedule_at": datetime.now(timezone.utc)}),
        ("timeout", {"timeout": "soon"}),
        ("body_base64", {"body": "a", "body_base64": "YQ=="}),
        ("labels.a b", {"labels": {"a b": "c"}}),
        ("Idempotency-Key", {"idempotency_key": "k" * 256}),
        ("task_id", {"task_id": "t-1"}),
        ("success", {"success": ["9xx"]}),
        ("retry.strategy", {"retry": Retry(strategy="often")}),
        ("retry.interval", {"retry": Retry(interval="x")}),
        ("retry.delays[0]", {"retry": Retry(strategy="schedule", delays=["x"])}),
        ("retry.on", {"retry": Retry(on=["never"])}),
        ("callback.url", {"callback": Callback(url="x")}),
        ("", {"labels": {"n": 1}}),
    ],
)
def test_a_task_is_refused_as_the_api_refuses_it(
    client: QueueClient, field: str, given: dict[str, Any]
) -> None:
    """What the API refuses for its form the fake refuses too, by the same field."""
    found = []
    for one in (FakeQueue().client(), client):
        with pytest.raises(InvalidTaskError) as raised:
            one.send(**{"url": URL, **given})
        found.append({error.field for error in raised.value.errors})

    assert field in found[0]
    assert not field or field in found[1]


def test_fields_that_no_task_has_are_refused(queue_client: QueueClient) -> None:
    """A field of a line that the API does not know is refused by its name."""
    line = b'{"url": "https://example.com/", "lables": {}, "retry": {"max_attempt": 3}}'
    (item,) = queue_client.send_batch([line])

    assert item.problem
    assert {error.field for error in item.problem.errors} == {"lables", "retry.max_attempt"}


def test_tasks_are_found_by_how_they_ended_and_when(
    fake_queue: FakeQueue, queue_client: QueueClient
) -> None:
    """The filters outcome, status_code, created_after, created_before and idempotency_key hold."""
    dead, other = queue_client.send(URL, idempotency_key="k").task_id, queue_client.send(URL)
    fake_queue.kill(dead)
    now = datetime.now(timezone.utc)

    def found(**conditions: Any) -> list[str]:
        return [task.id for task in queue_client.iter_tasks(**conditions)]

    assert found(outcome="http_error") == found(status_code=500) == [dead]
    assert found(status_code=404) == []
    assert found(outcome="timeout") == found(created_after=now) == []
    assert found(created_before=now) == [dead, other.task_id]
    assert found(idempotency_key="k") == [dead]


def test_the_next_attempt_has_a_time(fake_queue: FakeQueue, queue_client: QueueClient) -> None:
    """What is scheduled says for when: by its delay, and after a failure by its interval."""
    before = datetime.now(timezone.utc)
    later = queue_client.send(URL, delay="1h30m").task_id
    failed = queue_client.send(URL, retry=Retry(interval="5m")).task_id
    fake_queue.fail(failed)

    def minutes(task_id: str) -> int:
        at = queue_client.get_task(task_id).next_attempt_at
        assert at
        return round((at - before).total_seconds() / 60)

    assert (minutes(later), minutes(failed)) == (90, 5)
    assert fake_queue.deliver(failed).next_attempt_at is None


def test_what_is_not_faked_says_so(queue_client: QueueClient) -> None:
    """A part that the fake does not have raises an error that names it."""
    for call in (queue_client.list_keys, queue_client.create_listener):
        with pytest.raises(NotFakedError, match="/api/v1/"):
            call()
    with pytest.raises(NotFakedError, match="events"):
        next(queue_client.events())


def test_the_fake_has_a_version(queue_client: QueueClient) -> None:
    """The version is there: programs show it."""
    assert queue_client.version()["fake"]
