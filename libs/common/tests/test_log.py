"""Log lines: one form for structlog's and the standard library's."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from queue_common.logs.setup import configure_logging
from queue_common.settings import LogSettings

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging is put back after each test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = before
    logging.getLogger("noisy").setLevel(logging.NOTSET)


def _lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_production_line_is_json_with_the_original_names(capsys: Capture) -> None:
    """A line is a JSON object with level, timestamp (UTC), msg and the event's fields."""
    configure_logging(LogSettings(env="production"))
    structlog.get_logger().info("Task enqueued successfully", task_id="1", status=200)
    (line,) = _lines(capsys)
    timestamp = datetime.fromisoformat(line.pop("timestamp"))

    assert timestamp.utcoffset() == timedelta(0)
    assert list(line) == ["level", "msg", "task_id", "status"]
    assert line == {
        "level": "info", "msg": "Task enqueued successfully", "task_id": "1", "status": 200,
    }  # fmt: skip


def test_libraries_lines_have_the_same_form(capsys: Capture) -> None:
    """A line of the standard library's logging is JSON too."""
    configure_logging(LogSettings(env="production"))
    logging.getLogger("library").warning("disk %s", "full")
    (line,) = _lines(capsys)

    assert (line["level"], line["msg"]) == ("warning", "disk full")
    assert "timestamp" in line


def test_exceptions_stay_in_their_line(capsys: Capture) -> None:
    """A traceback does not break the line: it is one of its fields."""
    configure_logging(LogSettings(env="production"))
    try:
        raise ValueError("told")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed too")
    lines = _lines(capsys)

    assert ["ValueError: told" in line["exception"] for line in lines] == [True, True]


def test_values_json_does_not_know_are_written_as_text(capsys: Capture) -> None:
    """A value of any type can be logged: no line is lost for it."""
    configure_logging(LogSettings(env="production"))
    structlog.get_logger().info("event", of=ValueError("told"))
    (line,) = _lines(capsys)

    assert line["of"] == "told"


def test_half_a_character_loses_no_line(capsys: Capture) -> None:
    """Text that UTF-8 has no form for is written escaped, and raises nothing."""
    configure_logging(LogSettings(env="production"))
    structlog.get_logger().info("event", reason="half \ud800", of=ValueError("told"))
    (line,) = _lines(capsys)

    assert (line["reason"], line["of"]) == ("half \ud800", "told")


def test_line_breaks_make_no_second_line(capsys: Capture) -> None:
    """What comes from outside cannot forge a line."""
    configure_logging(LogSettings(env="production"))
    structlog.get_logger().info("event", url='http://a\n{"level":"error"}')

    assert len(_lines(capsys)) == 1


def test_development_line_is_text(capsys: Capture) -> None:
    """In development a line is for people: event and fields, uncoloured where it is no terminal."""
    configure_logging(LogSettings(env="development"))
    structlog.get_logger().info("delivery.attempted", task_id="1")
    written = capsys.readouterr().out

    assert "delivery.attempted" in written
    assert "task_id='1'" in written
    assert "\x1b" not in written


@pytest.mark.parametrize("env", ["production", "development"])
def test_level_keeps_lesser_lines_out(env: Any, capsys: Capture) -> None:  # noqa: ANN401
    """Lines below LOG_LEVEL are not written, ours and the libraries' alike."""
    configure_logging(LogSettings(env=env, log_level="WARNING"))
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet too")

    assert capsys.readouterr().out == ""


def test_quiet_loggers_are_raised_to_warning(capsys: Capture) -> None:
    """Loggers that repeat our lines are silent until something is wrong."""
    configure_logging(LogSettings(env="production"), quiet=("noisy",))
    logging.getLogger("noisy").info("again")
    logging.getLogger("noisy").warning("wrong")

    assert [line["msg"] for line in _lines(capsys)] == ["wrong"]


def test_a_line_for_people_stays_one_line(capsys: Capture) -> None:
    """In development a line shows time, level, event and fields; no value breaks out of it."""
    configure_logging(LogSettings(env="development"))
    structlog.get_logger().warning("task.died", task_id="1", reason="two\nlines \x1b[2J", status=5)
    shown = capsys.readouterr().out

    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert shown.endswith("[warning  ] task.died                  task_id='1' "
                          "reason='two\\nlines \\x1b[2J' status=5\n")  # fmt: skip


def test_a_traceback_for_people_follows_its_line(capsys: Capture) -> None:
    """In development an exception's line shows its fields, and the traceback below."""
    configure_logging(LogSettings(env="development"))
    try:
        raise ValueError("wrong")
    except ValueError:
        structlog.get_logger().exception("process.failed", task_id="1")
    first, *rest = capsys.readouterr().out.splitlines()

    assert "process.failed" in first
    assert "task_id='1'" in first
    assert rest[-1] == "ValueError: wrong"


WORK = """
import sys, structlog
from queue_common.logs.setup import configure_logging
from queue_common.settings import LogSettings
configure_logging(LogSettings(env=sys.argv[1]))
for _ in range(3):
    structlog.get_logger().info("Task enqueued successfully", task_id="1" * 9000)
sys.stderr.write("done")
"""


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_line_that_cannot_be_written_stops_nobody(env: str) -> None:
    """If the disk is full, log lines are lost and the work continues."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", WORK, env]
        process = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)

    assert process.stderr.startswith(b"done")
