"""What is kept of an attempt beside its outcome: phases, address, worker, and the response."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from queue_common.task import Attempt, Outcome, TaskId
from queue_testing import free_port
from queue_testing.attempts import open_transport
from queue_testing.receiver import CannedResponse, Receiver
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt.deliver import Deliverer
from queue_worker.attempt.history import History
from queue_worker.attempt.history.response import MAX_BYTES, MAX_HEADERS, kept_headers

TASK_ID = TaskId("01a20d98-82b5-7111-9858-f3ef6d08a280")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def keeps_whole() -> list[bool]:
    """Whether a delivered task is kept in full; a test may change it."""
    return [True]


@pytest.fixture
async def deliverer(keeps_whole: list[bool]) -> AsyncIterator[Deliverer]:
    transport = open_transport()
    history = History("worker-1", lambda: keeps_whole[0])
    yield Deliverer(transport, timeout_seconds=10, history=history)
    await transport.aclose()


async def _attempt(deliverer: Deliverer, url: str) -> Attempt:
    return await deliverer.deliver(TASK_ID, a_task(url), 1, a_context())


async def test_a_new_connection_has_all_its_phases(
    deliverer: Deliverer, receiver: Receiver
) -> None:
    """The first attempt shows look-up, connecting and the wait for the answer; without TLS none."""
    attempt = await _attempt(deliverer, f"{receiver.url}/hook")

    assert attempt.phases_us is not None
    dns, connect, tls, first_byte = attempt.phases_us
    assert (dns >= 0, connect > 0, tls, first_byte > 0) == (True, True, -1, True)
    assert (connect + first_byte) / 1000 <= attempt.duration_ms
    assert attempt.worker == "worker-1"
    assert attempt.address == receiver.url.removeprefix("http://").replace("localhost", "127.0.0.1")


async def test_a_kept_connection_has_no_look_up(deliverer: Deliverer, receiver: Receiver) -> None:
    """An attempt over a kept connection has only the wait for the answer, and its address."""
    first = await _attempt(deliverer, f"{receiver.url}/hook")
    second = await _attempt(deliverer, f"{receiver.url}/hook")

    assert second.phases_us is not None
    assert second.phases_us[:3] == (-1, -1, -1)
    assert second.phases_us[3] > 0
    assert second.address == first.address


async def test_a_delivered_attempt_keeps_its_response_only_in_full(
    deliverer: Deliverer, receiver: Receiver, keeps_whole: list[bool]
) -> None:
    """Headers and beginning of a success are kept as long as there is room for it."""
    receiver.respond_with("/hook", [CannedResponse(200, {"X-Id": "7"}, b"hello")] * 2)
    kept = await _attempt(deliverer, f"{receiver.url}/hook")
    keeps_whole[0] = False
    not_kept = await _attempt(deliverer, f"{receiver.url}/hook")

    assert kept.response_headers is not None
    assert kept.response_headers["X-Id"] == "7"
    assert kept.response_excerpt == "hello"
    assert (not_kept.response_headers, not_kept.response_excerpt) == (None, None)
    assert not_kept.phases_us is not None


async def test_a_failure_keeps_its_response_without_secrets(
    deliverer: Deliverer, receiver: Receiver
) -> None:
    """Headers of a failed attempt are kept; a cookie's value is not."""
    headers = {"Set-Cookie": "id=s3cret", "Retry-After": "9"}
    receiver.respond_with("/hook", [CannedResponse(503, headers, b"busy")])
    attempt = await _attempt(deliverer, f"{receiver.url}/hook")

    assert attempt.outcome is Outcome.HTTP_ERROR
    assert attempt.response_headers is not None
    assert attempt.response_headers["Set-Cookie"] == "[redacted]"
    assert attempt.response_headers["Retry-After"] == "9"
    assert attempt.response_excerpt == "busy"


async def test_a_failure_to_connect_shows_how_long_it_took(deliverer: Deliverer) -> None:
    """Without a connection there is no address, no response, and a time of connecting."""
    attempt = await _attempt(deliverer, f"http://127.0.0.1:{free_port()}/")

    assert attempt.outcome is Outcome.CONNECT_ERROR
    assert attempt.phases_us is not None
    assert attempt.phases_us[1] > 0
    assert (attempt.phases_us[3], attempt.address, attempt.response_headers) == (-1, None, None)


def test_kept_headers_are_bounded() -> None:
    """Of many or long headers a bounded part is kept."""
    many = kept_headers([(b"X-%d" % i, b"v") for i in range(100)])
    long = kept_headers([(b"X-%d" % i, b"v" * 5000) for i in range(10)])

    assert len(many) == MAX_HEADERS
    assert 0 < sum(len(name) + len(value) for name, value in long.items()) <= MAX_BYTES
