"""What earlier releases wrote is read, and what later ones add does no harm.

``wire/`` has the records of each release, which are never changed.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest

from queue_common.errors import UnreadableRecordError
from queue_common.options import Callback, Retry, TaskOptions
from queue_common.queue.storage.record import Record, immutable_part, pack_attempt
from queue_common.task import VERSION, Attempt, Outcome, State, Task
from queue_testing.tasks import a_task, an_attempt

SAMPLES = sorted((Path(__file__).parent / "wire").glob("*.json"))

FULL = Task(
    version=1,
    url="https://example.test:8443/hook?token=1",
    method="PUT",
    headers={"Content-Type": "application/json", "X-Käse": "ü"},
    body=b"\x00\x01{}\xff",
    accepted_at_ms=1767225600123,
    lane="example.test:8443",
    retry_interval_ms=5000,
    retry_deadline_ms=3600000,
    trace_context={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
)
LEAST = Task(
    version=1,
    url="http://a.test/",
    method="POST",
    headers={},
    body=None,
    accepted_at_ms=1767225600000,
    lane="a.test:80",
)
ATTEMPT = Attempt(
    3, 1767225700000, 12.5, Outcome.HTTP_ERROR, status_code=503,
    error="the destination answered 503", response_excerpt="busy", retry_after_ms=30000,
)  # fmt: skip


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """What one release wrote, by name."""
    stored = json.loads(request.param.read_text())
    return {name: base64.b64decode(text) for name, text in stored.items() if name != "release"}


def test_stored_tasks_are_read(sample: dict[str, bytes]) -> None:
    """A task that an earlier release wrote is read in full."""
    tasks = [Task.decode(sample["task_full"]), Task.decode(sample["task_least"])]

    assert tasks == [FULL, LEAST]


def test_stored_records_are_read(sample: dict[str, bytes]) -> None:
    """A record that an earlier release wrote is read in full, its last attempt too."""
    record = Record.unpack(sample["record_scheduled"])

    assert (record.state, record.at_ms, record.attempts) == (State.SCHEDULED, 1767225730000, 3)
    assert (record.interrupted, record.cancel_requested) == (1, False)
    assert (record.lane, record.task(), record.last_attempt()) == (FULL.lane, FULL, ATTEMPT)


def test_stored_record_without_attempt_is_read(sample: dict[str, bytes]) -> None:
    """A record of a task that was never tried is read."""
    record = Record.unpack(sample["record_queued"])

    assert (record.state, record.task(), record.last_attempt()) == (State.QUEUED, LEAST, None)


def test_stored_digest_still_tells_the_same_task(sample: dict[str, bytes]) -> None:
    """A task sent again after an upgrade is known as the same, not refused as a conflict."""
    record = Record.unpack(sample["record_scheduled"])

    assert FULL.digest() == record.digest


def test_tasks_of_this_version_begin_as_they_did(sample: dict[str, bytes]) -> None:
    """New fields follow those of the earlier release; they take a plain task three bytes."""
    for name, task in (("task_full", FULL), ("task_least", LEAST)):
        before, now = msgspec.msgpack.decode(sample[name]), msgspec.msgpack.decode(task.encode())

        assert now == [*before, None, None, None]
        assert len(task.encode()) == len(sample[name]) + 3


class TaskOfRelease010(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The fields of a task that release 0.1.0 knows."""

    version: int
    url: str
    method: str
    headers: dict[str, str]
    body: bytes | None
    accepted_at_ms: int
    lane: str
    retry_interval_ms: int | None = None
    retry_deadline_ms: int | None = None
    trace_context: dict[str, str] | None = None


def test_a_task_with_options_is_a_task_to_the_release_before() -> None:
    """Its worker makes the same request, in the same lane, until the same deadline."""
    options = TaskOptions(
        delay_ms=1000, timeout_ms=5000, retry=Retry("exponential", 5000), success=(2, 404),
        labels={"a": "b"}, idempotency_key="k", callback=Callback("http://b.test/", ("dead",)),
    )  # fmt: skip
    task = msgspec.structs.replace(FULL, options=options)

    read = msgspec.msgpack.decode(task.encode(), type=TaskOfRelease010)

    known = TaskOfRelease010.__struct_fields__
    assert {name: getattr(read, name) for name in known} == {
        name: getattr(task, name) for name in known
    }


def test_attempts_of_this_version_begin_as_they_did(sample: dict[str, bytes]) -> None:
    """What is new in an attempt's record stands behind what the earlier release reads."""
    before = msgspec.msgpack.decode(sample["attempt"])
    now = msgspec.msgpack.decode(msgspec.msgpack.encode(ATTEMPT))

    assert now[: len(before)] == before


def test_fields_of_a_later_release_are_passed_over() -> None:
    """A task with fields that this release does not know is read without them."""
    fields = [*msgspec.msgpack.decode(FULL.encode()), "new field", {"another": 1}]

    assert Task.decode(msgspec.msgpack.encode(fields)) == FULL


def test_attempt_fields_of_a_later_release_are_passed_over() -> None:
    """A last attempt with fields that this release does not know is read without them."""
    fields = msgspec.msgpack.encode([*msgspec.msgpack.decode(pack_attempt(ATTEMPT)[2:]), "new"])
    tail = len(fields).to_bytes(2, "big") + fields
    raw = _moving() + immutable_part(LEAST.lane, LEAST.encode(), LEAST.digest()) + tail

    assert Record.unpack(raw).last_attempt() == ATTEMPT


def test_bytes_behind_the_tail_are_passed_over() -> None:
    """What a later release, or a longer tail before this one, left behind the tail does no harm."""
    attempt = an_attempt(Outcome.TIMEOUT)
    raw = b"".join(
        (_moving(), immutable_part(LEAST.lane, LEAST.encode(), LEAST.digest()),
         pack_attempt(attempt), b"left behind"),
    )  # fmt: skip

    assert Record.unpack(raw).last_attempt() == attempt


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_unreadable(version: int) -> None:
    """A task of another version is refused by name, not guessed at."""
    task = msgspec.structs.replace(a_task(), version=version)

    with pytest.raises(UnreadableRecordError, match=f"version {version}.*reads {VERSION}"):
        Task.decode(task.encode())


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", b"not msgpack", msgspec.msgpack.encode([1]), msgspec.msgpack.encode({"url": 1})],
    ids=["empty", "never used", "text", "too short", "a map"],
)
def test_anything_else_is_unreadable(payload: bytes) -> None:
    """What is no task raises UnreadableRecordError and nothing else."""
    with pytest.raises(UnreadableRecordError, match="cannot be read"):
        Task.decode(payload)


def _moving() -> bytes:
    return b"q" + (1767225600000).to_bytes(8, "big") + bytes(6) + b"-"
