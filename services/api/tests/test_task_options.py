"""What a task may ask for beyond its request, and what is told of what is wrong with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from queue_api.problems import ProblemError
from queue_api.tasks.parse import ParsedTask, parse_task
from queue_common.options import Callback, Retry, TaskOptions
from queue_common.retry import RetryPolicy, deadline_of

URL = "http://example.com/"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def parse(**fields: object) -> ParsedTask:
    return parse_task(json.dumps({"url": URL, **fields}).encode())


def options(**fields: object) -> TaskOptions:
    found = parse(**fields).task.options
    assert found is not None
    return found


def reasons(**fields: object) -> dict[str, str]:
    """Return what is told of a task, by field."""
    with pytest.raises(ProblemError) as caught:
        parse(**fields)
    assert caught.value.status == 422
    return {error.field: error.reason for error in caught.value.errors}


def in_time(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def test_a_plain_task_has_no_options() -> None:
    """What asks for nothing more costs its record nothing more."""
    assert parse().task.options is None
    assert parse(lane="mine").task.options is None


def test_a_task_may_name_its_lane() -> None:
    """A lane of its own takes the place of the destination's."""
    assert parse(lane="käse & co").task.lane == "käse & co"


@pytest.mark.parametrize("lane", ["", "a\nb", "a\x1fb", "x" * 301, "saq:mine", "\x7f"])
def test_a_lane_that_could_be_another_is_refused(lane: str) -> None:
    """Control characters separate projects, and saq: names lanes without limits."""
    assert set(reasons(lane=lane)) == {"lane"}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", 90_000), ("1d10h30m", 34 * HOUR_MS + 30 * 60_000), ("300ms", 300), ("1.5h", 5_400_000),
     ("0s", 0), ("30d", 30 * DAY_MS), ("1m30s", 90_000)],
)  # fmt: skip
def test_a_delay_is_a_duration(text: str, milliseconds: int) -> None:
    """A delay is written with the units ms, s, m, h and d."""
    found = parse(delay=text).task.options
    assert (found.delay_ms if found else 0) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "90", "s", "-1s", "1 s", "1s ", "1x", "1s30", "31d", "30d1ms", "\u0663s", "9" * 13 + "ms",
     "1s" * 100, "1.s", "nan", "1e3s"],
)  # fmt: skip
def test_what_is_no_delay_is_refused(text: str) -> None:
    """Anything else, and more than 30 days, is refused by the field's name."""
    assert set(reasons(delay=text)) == {"delay"}


def test_a_time_is_a_delay_from_now() -> None:
    """schedule_at says when the first attempt is due, in any offset."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    found = options(schedule_at=at.astimezone().isoformat())

    assert found.schedule_at_ms == round(at.timestamp() * 1000)
    assert abs(found.delay_ms - 2 * DAY_MS) < 60_000


def test_a_time_that_has_passed_is_now() -> None:
    """A client whose clock is behind gets its task done at once."""
    assert options(schedule_at=in_time(hours=-1)).delay_ms == 0


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-12-01", "2026-12-01T09:00:00", "2026-12-01T09:00Z", "1767225600",
     "2026-13-01T09:00:00Z", "2026-12-01T09:00:00+25:00", in_time(days=31), "9999-12-31T23:59:59Z"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    """A time without a zone, in another form or more than 30 days ahead is refused."""
    assert set(reasons(schedule_at=text)) == {"schedule_at"}


def test_a_delay_stands_beside_no_time() -> None:
    """A task is due once."""
    assert reasons(delay="1s", schedule_at=in_time(hours=1)) == {
        "delay": "cannot be set together with schedule_at"
    }


def test_the_deadline_counts_from_the_due_time() -> None:
    """A task that is due in 20 days is tried for its whole 24 hours then."""
    task = parse(delay="20d").task

    assert deadline_of(task, RetryPolicy()) == task.accepted_at_ms + 21 * DAY_MS


def test_a_deadline_of_its_own_counts_from_the_due_time() -> None:
    """retry.deadline begins when the first attempt is due."""
    task = parse(delay="1h", retry={"deadline": "10m"}).task
    at_once = parse(retry={"deadline": "10m"}).task

    assert deadline_of(task, RetryPolicy()) == task.accepted_at_ms + HOUR_MS + 600_000
    assert deadline_of(at_once, RetryPolicy()) == at_once.accepted_at_ms + 600_000


@pytest.mark.parametrize(("text", "milliseconds"), [("1s", 1000), ("30m", 1_800_000)])
def test_a_timeout_is_kept(text: str, milliseconds: int) -> None:
    """A task may give its attempts from one second to 30 minutes."""
    assert options(timeout=text).timeout_ms == milliseconds


@pytest.mark.parametrize("text", ["999ms", "30m1s", "x", "0s"])
def test_other_timeouts_are_refused(text: str) -> None:
    """A timeout below a second or above 30 minutes is refused."""
    assert set(reasons(timeout=text)) == {"timeout"}


def test_a_retry_policy_is_kept() -> None:
    """Each field of a policy is kept in the units of the record."""
    found = options(
        retry={
            "strategy": "exponential", "interval": "2s", "max_interval": "1h", "multiplier": 3,
            "jitter": 0.5, "max_attempts": 7, "on": ["5xx", 408, "timeout", "connection"],
        }
    )  # fmt: skip

    assert found.retry == Retry(
        "exponential", 2000, HOUR_MS, 3.0, (), 0.5, 7, (5, 408, "connection", "timeout")
    )


def test_a_schedule_of_delays_is_kept() -> None:
    """The strategy schedule has a list of waits."""
    found = options(retry={"strategy": "schedule", "delays": ["5s", "5m"]})

    assert found.retry == Retry("schedule", delays_ms=(5000, 300_000))


def test_the_previous_release_reads_the_interval() -> None:
    """A worker of the release before finds the interval where it always was."""
    assert parse(retry={"interval": "5s"}).task.retry_interval_ms == 5000


@pytest.mark.parametrize(
    ("retry", "field"),
    [
        ({"strategy": "random"}, "retry.strategy"),
        ({"strategy": "schedule"}, "retry.delays"),
        ({"delays": ["1s"]}, "retry.delays"),
        ({"strategy": "schedule", "delays": ["1s", "x"]}, "retry.delays[1]"),
        ({"strategy": "schedule", "delays": []}, "retry.delays"),
        ({"strategy": "schedule", "delays": ["1s"], "interval": "1s"}, "retry.interval"),
        ({"interval": "0s"}, "retry.interval"),
        ({"interval": 5}, "retry.interval"),
        ({"max_interval": "1s"}, "retry.max_interval"),
        ({"strategy": "linear", "multiplier": 2}, "retry.multiplier"),
        ({"strategy": "exponential", "multiplier": 0.5}, "retry.multiplier"),
        ({"jitter": 2}, "retry.jitter"),
        ({"max_attempts": 0}, "retry.max_attempts"),
        ({"deadline": "31d"}, "retry.deadline"),
        ({"on": ["6xx"]}, "retry.on"),
        ({"on": [99]}, "retry.on[0]"),
        ({"on": ["dns"]}, "retry.on"),
        ({"often": True}, "retry"),
        (5, "retry"),
    ],
)
def test_what_is_wrong_in_a_policy_is_named(retry: object, field: str) -> None:
    """The field inside retry is told, with its reason."""
    assert set(reasons(retry=retry)) == {field}


def test_what_counts_as_success_is_kept() -> None:
    """Classes and codes are kept as numbers."""
    assert options(success=["2xx", 404]).success == (2, 404)


@pytest.mark.parametrize("success", [[], ["ok"], [600], [True], [2.5], "2xx", ["timeout"]])
def test_other_successes_are_refused(success: object) -> None:
    """What is no status code and no class of them is refused."""
    assert {field[:7] for field in reasons(success=success)} == {"success"}


def test_labels_are_kept() -> None:
    """Labels are kept as they come."""
    assert options(labels={"a/b.c_d-1": "", "x": "ü" * 255}).labels == {
        "a/b.c_d-1": "", "x": "ü" * 255,
    }  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [{"": "x"}, {"a b": "x"}, {"a" * 64: "x"}, {"a": "x" * 256}, {"a": "\n"}, {"a": 1},
     {f"n{i}": "" for i in range(17)}, {"a\n": "x"}],
)  # fmt: skip
def test_other_labels_are_refused(labels: object) -> None:
    """More than 16, other names, long values and control characters are refused."""
    assert all(field.startswith("labels") for field in reasons(labels=labels))


@pytest.mark.parametrize("value", [1, "x" * 256, "\n"])
def test_a_wrong_label_is_named(value: object) -> None:
    """Labels with wrong values are each reported by their names."""
    found = set(reasons(labels={"right": "", "a/b": value, "c": value}))

    assert "labels.a/b" in found
    assert found <= {"labels.a/b", "labels.c"}


def test_a_callback_is_kept() -> None:
    """A callback has a URL as it will be requested, events, and headers."""
    found = options(
        callback={"url": "HTTP://B.test/x#y", "on": ["dead", "dead"], "headers": {"A": " 1 "}}
    )

    assert found.callback == Callback("http://b.test/x", ("dead",), {"A": "1"})


def test_a_callback_tells_of_the_end_by_default() -> None:
    """Without ``on`` a delivery and a death are told."""
    found = options(callback={"url": URL})

    assert found.callback == Callback(URL, ("delivered", "dead"))


@pytest.mark.parametrize(
    ("callback", "field"),
    [
        ({}, "callback"),
        ({"url": "ftp://x/"}, "callback.url"),
        ({"url": URL, "on": []}, "callback.on"),
        ({"url": URL, "on": ["sent"]}, "callback.on[0]"),
        ({"url": URL, "headers": {"Host": "x"}}, "callback.headers.Host"),
        ({"url": URL, "body": 1}, "callback"),
    ],
)
def test_what_is_wrong_in_a_callback_is_named(callback: object, field: str) -> None:
    """The field inside callback is told."""
    assert set(reasons(callback=callback)) == {field}


def test_an_id_may_be_given() -> None:
    """A client's own UUID is the task's, in lower case with dashes."""
    assert parse(task_id="01A20D9845987 7ffaa01ede0158d74bc".replace(" ", "")).task_id == (
        "01a20d98-4598-77ff-aa01-ede0158d74bc"
    )
    assert set(reasons(task_id="x")) == {"task_id"}


def test_the_header_names_the_idempotency_key() -> None:
    """The key comes in a header or in a field, not as two different ones."""
    raw = json.dumps({"url": URL}).encode()
    both = json.dumps({"url": URL, "idempotency_key": "b"}).encode()
    with pytest.raises(ProblemError) as differs:
        parse_task(both, idempotency_key="a")

    found = parse_task(raw, idempotency_key="a").task.options
    assert found is not None
    assert found.idempotency_key == "a"
    assert [error.field for error in differs.value.errors] == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ('"lane": "a", "lane": "b"', "lane"),
        ('"retry": {"jitter": 0, "jitter": 1}', "retry.jitter"),
        ('"labels": {"a": "1", "\\u0061": "2"}', "labels.a"),
        ('"callback": {"url": "http://a/", "headers": {"A": "", "A": ""}}', "callback.headers.A"),
    ],
)
def test_a_name_that_comes_twice_in_an_option_is_refused(written: str, field: str) -> None:
    """Which of two counts would be a matter of the reader."""
    with pytest.raises(ProblemError) as caught:
        parse_task(f'{{"url": "{URL}", {written}}}'.encode())

    assert field in [error.field for error in caught.value.errors]


def test_options_come_back_from_the_wire_form() -> None:
    """A task with all options is read as it was written."""
    task = parse(
        delay="1s", timeout="2s", retry={"on": ["5xx", "timeout"]}, success=[404],
        labels={"a": "b"}, idempotency_key="k", callback={"url": URL, "headers": {"A": "1"}},
    ).task  # fmt: skip

    assert type(task).decode(task.encode()) == task


def test_the_same_request_at_the_same_time_has_one_digest() -> None:
    """A request that names a time is the same request when it is repeated later."""
    at = in_time(hours=1)
    first = parse(schedule_at=at, labels={"a": "1", "b": "2"}).task
    second = parse(labels={"b": "2", "a": "1"}, schedule_at=at).task

    assert first.digest() == second.digest()
    assert first.digest() != parse(schedule_at=in_time(hours=2)).task.digest()
    assert parse(delay="1s").task.digest() != parse(delay="2s").task.digest()
