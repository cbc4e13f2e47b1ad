"""What a destination gets to see of an attempt, and what is made of its response."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import msgspec
import pytest

from queue_common.options import TaskOptions
from queue_common.task import Attempt, Outcome, TaskId
from queue_common.tracing.context import TraceContext
from queue_testing.attempts import open_transport
from queue_testing.receiver import CannedResponse, Received, Receiver
from queue_testing.tasks import a_context, a_task
from queue_worker.attempt.deliver import USER_AGENT, Deliverer

TASK_ID = TaskId("01a20d98-82b5-7111-9858-f3ef6d08a280")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def deliverer() -> AsyncIterator[Deliverer]:
    transport = open_transport()
    yield Deliverer(transport, timeout_seconds=10)
    await transport.aclose()


async def sent(deliverer: Deliverer, receiver: Receiver, **task: object) -> Received:
    """Deliver a task to the receiver and return the request it saw."""
    await deliverer.deliver(TASK_ID, a_task(f"{receiver.url}/hook", **task), 3, a_context())  # type: ignore[arg-type]
    (request,) = receiver.requests
    return request


async def deliver_with(
    deliverer: Deliverer, receiver: Receiver, response: int | CannedResponse
) -> Attempt:
    """Deliver a task, with this response of the destination."""
    receiver.respond_with("/hook", [response])
    return await deliverer.deliver(TASK_ID, a_task(f"{receiver.url}/hook"), 1, a_context())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_each_method_is_sent_with_its_body(
    deliverer: Deliverer, receiver: Receiver, method: str
) -> None:
    """Whatever the method, the destination gets it with the task's path, query and body."""
    task = a_task(f"{receiver.url}/a/b?c=d%20e", method=method, body=b"\x00\xffbytes")

    attempt = await deliverer.deliver(TASK_ID, task, 1, a_context())

    assert attempt.outcome is Outcome.DELIVERED
    (request,) = receiver.requests
    assert (request.method, request.path, request.body) == (method, "/a/b", b"\x00\xffbytes")


async def test_an_attempt_says_whose_it_is(deliverer: Deliverer, receiver: Receiver) -> None:
    """The id of the task, the number of the attempt and the sender stand in the headers."""
    request = await sent(deliverer, receiver)

    assert request.headers["X-Task-Id"] == TASK_ID
    assert request.headers["X-Task-Attempt"] == "3"
    assert request.headers["User-Agent"] == USER_AGENT.decode()


async def test_the_tasks_headers_are_sent(deliverer: Deliverer, receiver: Receiver) -> None:
    """A task's own headers arrive as they are, a User-Agent of its own in the place of ours."""
    headers = {"Authorization": "Bearer x", "user-agent": "mine", "X-Ünits".replace("Ü", "U"): "ä"}

    request = await sent(deliverer, receiver, headers=headers)

    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers.getall("User-Agent") == ["mine"]  # type: ignore[attr-defined]
    assert request.headers["X-Units"] == "ä"


async def test_a_task_cannot_speak_for_the_worker(deliverer: Deliverer, receiver: Receiver) -> None:
    """What a task says of X-Task-Id and X-Task-Attempt does not reach the destination."""
    request = await sent(deliverer, receiver, headers={"x-task-id": "1", "X-TASK-ATTEMPT": "9"})

    assert request.headers.getall("X-Task-Id") == [TASK_ID]  # type: ignore[attr-defined]
    assert request.headers.getall("X-Task-Attempt") == ["3"]  # type: ignore[attr-defined]


async def test_nothing_is_made_up(deliverer: Deliverer, receiver: Receiver) -> None:
    """A task without headers and body gets no Content-Type, no Accept and no encodings."""
    request = await sent(deliverer, receiver, body=None)

    assert set(request.headers) <= {
        "Host", "User-Agent", "X-Task-Id", "X-Task-Attempt", "Content-Length", "traceparent",
    }  # fmt: skip
    assert request.headers["Content-Length"] == "0"
    assert request.body == b""


async def test_a_get_without_a_body_says_nothing_of_one(
    deliverer: Deliverer, receiver: Receiver
) -> None:
    """A GET without a body carries no Content-Length."""
    request = await sent(deliverer, receiver, method="GET", body=None)

    assert "Content-Length" not in request.headers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
async def test_any_2xx_is_success(deliverer: Deliverer, receiver: Receiver, status: int) -> None:
    """Every 2xx delivers the task; nothing of the response is kept."""
    body = b"" if status == 204 else b"fine"

    attempt = await deliver_with(deliverer, receiver, CannedResponse(status, body=body))

    assert (attempt.outcome, attempt.status_code) == (Outcome.DELIVERED, status)
    assert (attempt.error, attempt.response_excerpt, attempt.phase) == (None, None, None)
    assert attempt.duration_ms > 0


@pytest.mark.parametrize("status", [300, 304, 400, 404, 418, 429, 500, 503, 599])
async def test_anything_else_is_failure(
    deliverer: Deliverer, receiver: Receiver, status: int
) -> None:
    """Every other status is a failure with its number."""
    body = b"" if status == 304 else b"no"

    attempt = await deliver_with(deliverer, receiver, CannedResponse(status, body=body))

    assert (attempt.outcome, attempt.status_code) == (Outcome.HTTP_ERROR, status)
    assert attempt.error == f"answered {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(
    deliverer: Deliverer, receiver: Receiver, status: int
) -> None:
    """A redirect is a failure, and its target gets no request."""
    there = {"Location": f"{receiver.url}/elsewhere"}

    attempt = await deliver_with(deliverer, receiver, CannedResponse(status, headers=there))

    assert attempt.outcome is Outcome.HTTP_ERROR
    assert receiver.to("/elsewhere") == []


async def test_1_kib_of_a_failures_response(deliverer: Deliverer, receiver: Receiver) -> None:
    """The first 1,024 bytes of a failure's response are kept as text, whatever bytes they are."""
    attempt = await deliver_with(
        deliverer, receiver, CannedResponse(500, body=b"\xff" + b"x" * 5000)
    )

    assert attempt.response_excerpt == "\ufffd" + "x" * 1023


async def test_a_response_is_not_decoded(deliverer: Deliverer, receiver: Receiver) -> None:
    """A compressed response is kept as it is, and never decompressed."""
    packed = gzip.compress(b"y" * 100)
    response = CannedResponse(500, headers={"Content-Encoding": "gzip"}, body=packed)

    attempt = await deliver_with(deliverer, receiver, response)

    assert attempt.response_excerpt == packed.decode(errors="replace")


async def test_a_huge_response_is_cut_off(deliverer: Deliverer, receiver: Receiver) -> None:
    """Of a response of 8 MiB the status decides; the next attempt goes through nevertheless."""
    first = await deliver_with(deliverer, receiver, CannedResponse(500, body=b"z" * (8 << 20)))
    second = await deliver_with(deliverer, receiver, 200)

    assert (first.outcome, first.response_excerpt) == (Outcome.HTTP_ERROR, "z" * 1024)
    assert second.outcome is Outcome.DELIVERED


async def test_a_huge_request_arrives(deliverer: Deliverer, receiver: Receiver) -> None:
    """A body of 8 MiB arrives whole."""
    body = bytes(range(256)) * (8 << 12)

    request = await sent(deliverer, receiver, body=body)

    assert request.body == body


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_noted(deliverer: Deliverer, receiver: Receiver, status: int) -> None:
    """Retry-After on 429 and 503 is part of the attempt, in milliseconds."""
    attempt = await deliver_with(
        deliverer, receiver, CannedResponse(status, headers={"Retry-After": "7"})
    )

    assert attempt.retry_after_ms == 7000


async def test_retry_after_counts_there_alone(deliverer: Deliverer, receiver: Receiver) -> None:
    """Retry-After on another failure is passed over."""
    attempt = await deliver_with(
        deliverer, receiver, CannedResponse(500, headers={"Retry-After": "7"})
    )

    assert attempt.retry_after_ms is None


async def test_the_trace_goes_on_at_the_destination(
    deliverer: Deliverer, receiver: Receiver
) -> None:
    """The destination gets the client span's context, whatever the task's headers say of one."""
    task = a_task(
        f"{receiver.url}/hook", headers={"Traceparent": "00-forged", "TraceState": "forged=1"}
    )
    trace = TraceContext(a_context().trace_id, a_context().span_id, 0, "a=1,b=2", "user=7")
    await deliverer.deliver(TASK_ID, task, 1, trace)
    headers = receiver.requests[-1].headers

    assert headers.getall("traceparent") == [trace.traceparent]  # type: ignore[attr-defined]
    assert headers.getall("tracestate") == ["a=1,b=2"]  # type: ignore[attr-defined]
    assert headers["baggage"] == "user=7"
    assert trace.traceparent.endswith("-00")


async def test_a_tasks_own_baggage_goes_first(deliverer: Deliverer, receiver: Receiver) -> None:
    """Baggage that a task names for its destination is sent in place of its client's."""
    task = a_task(f"{receiver.url}/hook", headers={"Baggage": "own=1"})
    trace = TraceContext(a_context().trace_id, a_context().span_id, baggage="client=1")
    await deliverer.deliver(TASK_ID, task, 1, trace)

    assert receiver.requests[-1].headers.getall("baggage") == ["own=1"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("success", "status", "outcome"),
    [((2, 404), 404, Outcome.DELIVERED), ((2, 404), 204, Outcome.DELIVERED),
     ((404,), 200, Outcome.HTTP_ERROR), ((3,), 302, Outcome.DELIVERED),
     (None, 404, Outcome.HTTP_ERROR)],
)  # fmt: skip
async def test_a_task_says_what_counts_as_delivered(
    deliverer: Deliverer, receiver: Receiver, success: tuple[int, ...] | None, status: int,
    outcome: Outcome,
) -> None:  # fmt: skip
    """The task's own status codes and classes take the place of 2xx."""
    receiver.respond_with("/hook", [status])
    plain = a_task(f"{receiver.url}/hook")
    task = msgspec.structs.replace(plain, options=TaskOptions(success=success))

    attempt = await deliverer.deliver(TASK_ID, task, 1, a_context())

    assert (attempt.outcome, attempt.status_code) == (outcome, status)
