"""The task: ids, content, digest, compact form."""

from __future__ import annotations

import json
import time
from uuid import RFC_4122, UUID

import msgspec
import pytest

from queue_common.task import State, Task, new_task_id
from queue_testing.tasks import a_task

TASK = a_task("http://a.test/x", body=b"body", headers={"A": "1", "B": "2"})


def test_ids_sort_by_the_time_they_were_made() -> None:
    """Of two ids the later one sorts behind: the reaper relies on it to keep tasks in order."""
    ids = [new_task_id() for _ in range(1000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_no_id_can_be_guessed_from_its_neighbour() -> None:
    """62 bits of an id are random, in ids of one millisecond too."""
    ids = [UUID(new_task_id()) for _ in range(4000)]

    assert {(task_id.version, task_id.variant) for task_id in ids} == {(7, RFC_4122)}
    for bit in range(62):
        assert 1700 < sum(task_id.int >> bit & 1 for task_id in ids) < 2300


def test_an_id_holds_the_time_it_was_made() -> None:
    """The first 48 bits of an id are Unix milliseconds."""
    before = time.time_ns() // 1_000_000
    task_id = UUID(new_task_id())

    assert before <= task_id.int >> 80 <= time.time_ns() // 1_000_000


def test_task_comes_back_from_its_wire_form() -> None:
    """What is encoded is decoded again, bytes and all."""
    assert Task.decode(TASK.encode()) == TASK


def test_task_cannot_be_changed() -> None:
    """Tasks are values."""
    with pytest.raises(AttributeError):
        TASK.url = "http://b.test/"  # type: ignore[misc]


def test_compact_task_has_no_headers_and_no_body() -> None:
    """Settled tasks are kept without what may be secret or large."""
    compact = TASK.compact()

    assert (compact.headers, compact.body) == ({}, None)
    assert (compact.url, compact.method, compact.lane) == (TASK.url, TASK.method, TASK.lane)


def test_compact_task_keeps_its_trace_alone() -> None:
    """Of a trace's context a settled task keeps what finds the trace, not the client's baggage."""
    context = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "baggage": "k=v", "tracestate": "a=1"}
    task = msgspec.structs.replace(TASK, trace_context=context)

    assert task.compact().trace_context == {"traceparent": context["traceparent"]}


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(TASK, url="http://a.test/y"),
        msgspec.structs.replace(TASK, method="PUT"),
        msgspec.structs.replace(TASK, headers={"A": "1"}),
        msgspec.structs.replace(TASK, body=None),
        msgspec.structs.replace(TASK, body=b""),
        msgspec.structs.replace(TASK, lane="elsewhere"),
    ],
    ids=["url", "method", "headers", "no body", "empty body", "lane"],
)
def test_digest_tells_other_content(other: Task) -> None:
    """Two requests that differ in what is sent have different digests."""
    assert other.digest() != TASK.digest()


def test_digest_passes_over_the_time() -> None:
    """The same request sent again a second later is the same."""
    later = msgspec.structs.replace(TASK, accepted_at_ms=TASK.accepted_at_ms + 1000)

    assert later.digest() == TASK.digest()


def test_json_form_shows_bodies_in_base64() -> None:
    """The form for people is JSON, whatever bytes the body holds."""
    shown = json.loads(json.dumps(a_task(body=b"\xff\x00").to_json()))

    assert shown["body"] == "/wA="
    assert a_task(body=None).to_json()["body"] is None


def test_only_ends_are_settled() -> None:
    """Delivered, dead and cancelled tasks have come to their end; others have not."""
    settled = {state for state in State if state.settled}

    assert settled == {State.DELIVERED, State.DEAD, State.CANCELLED}
