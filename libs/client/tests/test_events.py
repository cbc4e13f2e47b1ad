from __future__ import annotations

import pytest

from queue_client import (
    AsyncQueueClient,
    PermissionDeniedError,
    QueueClient,
    RetryPolicy,
    UnreachableError,
)
from queue_client.sse import EventReader

from .scripted_api import DROP, Answer, scripted

STREAM = {"Content-Type": "text/event-stream"}


def event(number: int) -> bytes:
    data = '{"type": "task.delivered", "at": "2026-11-28T22:44:46.123Z", "task_id": "t-%d"}'
    return b"id: %d\nevent: task.delivered\ndata: %s\n\n" % (number, (data % number).encode())


def test_a_broken_stream_goes_on_after_the_last_event() -> None:
    """After the stream breaks the client asks for what came after the last whole event."""
    first = Answer(200, b"retry: 10\n\n" + event(1) + event(2) + b"id: 3\ndata: {", STREAM)
    with (
        scripted(first, Answer(200, event(3), STREAM)) as api,
        QueueClient(api.url) as client,
    ):
        events = client.events(types=["task.delivered"])
        ids = [next(events).task_id for _ in range(3)]
        events.close()

        assert ids == ["t-1", "t-2", "t-3"]
        assert api.header("Last-Event-ID") == [None, "2"]
        assert api.requests[0][1] == "/api/v1/events?types=task.delivered"


async def test_the_async_stream_goes_on_in_the_same_way() -> None:
    """The asyncio client resumes a stream too, from the id it was given or saw last."""
    with scripted(Answer(200, b"retry: 10\n\n" + event(8), STREAM)) as api:
        async with AsyncQueueClient(api.url) as client:
            events = client.events(last_event_id="7")
            assert (await anext(events)).id == "8"
            assert (await anext(events)).id == "8"
            await events.aclose()

        assert api.header("Last-Event-ID") == ["7", "8"]


def test_a_refused_stream_raises() -> None:
    """Who may not read the events is told so."""
    problem = b'{"type": "urn:queue-system:problem:forbidden", "status": 403, "detail": "read"}'
    with (
        scripted(Answer(403, problem)) as api,
        QueueClient(api.url) as client,
        pytest.raises(PermissionDeniedError),
    ):
        next(client.events())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_are_the_same_however_the_bytes_come(size: int) -> None:
    """Events cut anywhere are whole; comments are passed over, CRLF and U+2028 are no harm."""
    text = (
        ': keep-alive\r\n\r\nid: 5\r\ndata: {"type": "x\u2028y",\r\n'
        'data: "at": "2026-01-01T00:00:00Z"}\r\n\r\n'
    )
    raw = text.encode()
    reader = EventReader()

    events = [e for i in range(0, len(raw), size) for e in reader.feed(raw[i : i + size])]

    assert [(e.type, e.id) for e in events] == [("x\u2028y", "5")]


def test_a_stream_that_was_connected_has_no_last_try(caplog: pytest.LogCaptureFixture) -> None:
    """Once connected, a stream is tried again however often that fails, and each time is logged."""
    away = [DROP, Answer(503, b"{}"), DROP, Answer(429, b"{}"), DROP, Answer(502, b"")] * 2
    first = Answer(200, b"retry: 1\n\n" + event(1), STREAM)
    with (
        scripted(first, *away, Answer(200, event(2), STREAM)) as api,
        QueueClient(
            api.url, retry=RetryPolicy(max_retries=1, first_delay=0, max_delay=0)
        ) as client,
    ):
        events = client.events()
        ids = [next(events).task_id for _ in range(2)]
        events.close()

    assert ids == ["t-1", "t-2"]
    assert len([r for r in caplog.records if "connecting again" in r.message]) == len(away)


async def test_an_async_stream_has_no_last_try_either() -> None:
    """The asyncio client goes on too; what it may not read it is told at once."""
    forbidden = Answer(403, b"{}")
    first = Answer(200, b"retry: 1\n\n" + event(1), STREAM)
    policy = RetryPolicy(max_retries=1, first_delay=0, max_delay=0)
    with scripted(first, DROP, DROP, DROP, Answer(200, event(2), STREAM), forbidden) as api:
        async with AsyncQueueClient(api.url, retry=policy) as client:
            events = client.events()
            assert [(await anext(events)).task_id for _ in range(2)] == ["t-1", "t-2"]
            with pytest.raises(PermissionDeniedError):
                await anext(events)


def test_a_stream_that_never_was_connected_gives_up() -> None:
    """Without a first connection the tries are those of any call."""
    policy = RetryPolicy(max_retries=1, first_delay=0)
    with (
        scripted(DROP) as api,
        QueueClient(api.url, retry=policy) as client,
        pytest.raises(UnreachableError),
    ):
        next(client.events())


def test_a_gap_is_an_event_and_moves_the_resumption() -> None:
    """A gap is told, and the id that follows it is where the client resumes."""
    reader = EventReader("1")
    raw = b'event: gap\ndata: {"type":"gap","at":"2026-01-01T00:00:00Z"}\n\nid: 9-0\n\n'

    assert [event.type for event in reader.feed(raw)] == ["gap"]
    assert reader.last_event_id == "9-0"
