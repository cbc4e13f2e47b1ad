from __future__ import annotations

import time
from contextlib import suppress

import pytest

from queue_client import (
    AsyncQueueClient,
    AuthenticationError,
    InvalidTaskError,
    LimitExceededError,
    PermissionDeniedError,
    QueueClient,
    RetryPolicy,
    UnavailableError,
    UnexpectedAnswerError,
    UnreachableError,
)
from queue_testing import free_port

from .scripted_api import DROP, Answer, scripted

QUICK = RetryPolicy(first_delay=0.01)
BUSY = Answer(503, b'{"type": "urn:queue-system:problem:queue-unavailable", "status": 503}')


def problem(status: int, kind: str, detail: str = "", **headers: str) -> Answer:
    body = (
        f'{{"type": "urn:queue-system:problem:{kind}", "status": {status}, "detail": "{detail}"}}'
    )
    return Answer(status, body.encode(), {"Content-Type": "application/problem+json", **headers})


def test_a_send_is_tried_again_under_one_idempotency_key() -> None:
    """After a lost answer and a 503 the same request goes out with the same key, and succeeds."""
    with scripted(DROP, BUSY, Answer()) as api, QueueClient(api.url, retry=QUICK) as client:
        assert client.send("https://example.com", body={"a": 1}).task_id == "t-1"

        keys = api.header("Idempotency-Key")
        assert len(keys) == 3
        assert len(set(keys)) == 1
        assert len({body for *_, body in api.requests}) == 1


async def test_the_async_client_tries_again_in_the_same_way() -> None:
    """The asyncio client too repeats a lost send under one key."""
    with scripted(DROP, BUSY, Answer()) as api:
        async with AsyncQueueClient(api.url, retry=QUICK) as client:
            assert (await client.send("https://example.com")).task_id == "t-1"

        assert len(set(api.header("Idempotency-Key"))) == 1


def test_two_sends_have_two_keys() -> None:
    """Each send makes a key of its own."""
    with scripted(Answer()) as api, QueueClient(api.url) as client:
        client.send("https://example.com")
        client.send("https://example.com")

        assert len(set(api.header("Idempotency-Key"))) == 2


def test_retry_after_is_waited_for() -> None:
    """A 429 with Retry-After is repeated no earlier than it says."""
    limit = problem(429, "limit-exceeded", **{"Retry-After": "1"})
    with scripted(limit, Answer()) as api, QueueClient(api.url, retry=QUICK) as client:
        start = time.monotonic()
        client.send("https://example.com")

        assert time.monotonic() - start >= 1


def test_a_longer_retry_after_is_the_callers() -> None:
    """A Retry-After beyond the policy's bound is raised at once, with its seconds."""
    limit = problem(429, "limit-exceeded", "too many", **{"Retry-After": "3600"})
    with scripted(limit) as api, QueueClient(api.url) as client:
        with pytest.raises(LimitExceededError, match="too many") as raised:
            client.send("https://example.com")

        assert raised.value.retry_after == 3600
        assert len(api.requests) == 1


def test_the_last_error_is_raised_when_the_tries_are_used_up() -> None:
    """After max_retries further tries the error is raised."""
    policy = RetryPolicy(max_retries=2, first_delay=0.01)
    with scripted(BUSY) as api, QueueClient(api.url, retry=policy) as client:
        with pytest.raises(UnavailableError):
            client.get_task("t-1")

        assert len(api.requests) == 3


def test_what_is_not_repeatable_is_not_repeated_after_a_lost_answer() -> None:
    """A key is not made twice because the first answer was lost."""
    with scripted(DROP) as api, QueueClient(api.url, retry=QUICK) as client:
        with pytest.raises(UnreachableError):
            client.create_key(project="default", scopes=["read"], name="n")

        assert len(api.requests) == 1


def test_nobody_listens() -> None:
    """A refused connection is tried again and then says where nobody listens."""
    port = free_port()
    with (
        QueueClient(f"http://127.0.0.1:{port}", retry=QUICK) as client,
        pytest.raises(UnreachableError, match=str(port)),
    ):
        client.health()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(401, "unauthorized"), AuthenticationError),
        (problem(422, "invalid-task"), InvalidTaskError),
        (Answer(413, b"too large"), InvalidTaskError),
        (Answer(200, b"<html>a proxy"), UnexpectedAnswerError),
        (problem(500, "internal"), UnavailableError),
    ],
)
def test_an_error_has_a_class_by_its_kind_else_by_its_status(
    answer: Answer, error: type[Exception]
) -> None:
    """Problems, and what proxies answer in their place, become exceptions; none is repeated."""
    with scripted(answer) as api, QueueClient(api.url) as client:
        with pytest.raises(error):
            client.send("https://example.com")

        assert len(api.requests) == 1


def test_fields_in_error_are_named() -> None:
    """An invalid task's error says each field and reason."""
    body = (
        b'{"type": "urn:queue-system:problem:invalid-task", "title": "Invalid", "status": 422,'
        b' "errors": [{"field": "url", "reason": "is no URL"}]}'
    )
    with scripted(Answer(422, body)) as api, QueueClient(api.url) as client:
        with pytest.raises(InvalidTaskError, match="url: is no URL") as raised:
            client.send("example")

        assert [error.field for error in raised.value.errors] == ["url"]


def test_a_body_without_fields_is_an_object() -> None:
    """A call with nothing but what is in the path sends {} where the API reads a body."""
    with scripted(Answer(200, b"{}")) as api, QueueClient(api.url) as client:
        for call in (
            lambda: client.create_signing_secret("shop"),
            lambda: client.set_project("shop"),
            lambda: client.set_lane("a:1"),
            client.create_listener,
            lambda: client.replay_task("t"),
            lambda: client.pause_lane("a:1"),
        ):
            with suppress(UnexpectedAnswerError):
                call()

        assert [body for *_, body in api.requests] == [b"{}"] * 5 + [b""]
        assert api.header("Content-Type")[0] == "application/json"


def test_a_web_page_in_place_of_an_answer_is_not_repeated() -> None:
    """A proxy's page of HTML is said to be one, and is not in the error."""
    with scripted(Answer(403, b"<html>no</html>")) as api, QueueClient(api.url) as client:
        with pytest.raises(PermissionDeniedError, match="web page") as raised:
            client.me()

        assert "<html>" not in str(raised.value)


@pytest.mark.parametrize("key", ["größe", "two words"])
def test_a_key_that_no_header_holds_is_in_the_body(key: str) -> None:
    """An idempotency key may have any character."""
    with scripted(Answer()) as api, QueueClient(api.url) as client:
        client.send("https://example.com", idempotency_key=key)

        assert api.header("Idempotency-Key") == [None]
        assert f'"{key}"' in api.requests[0][3].decode()


def test_a_token_that_no_header_holds_is_refused() -> None:
    """A token with a character beyond ASCII is named before any request."""
    with pytest.raises(ValueError, match="QUEUE_TOKEN has a character"):
        QueueClient(token="qk_ü")
