"""The request of a task as a command, as a shell runs it."""

from __future__ import annotations

import subprocess

import pytest

from queue_client import TaskRequest
from queue_dashboard.pages.task.curl import as_curl
from queue_dashboard.view.words import visible

CURL = """curl() { printf '%s\\0' "$@"; case "$*" in *@-) cat ;; esac; }\n"""
"""Writes its arguments and what it is given, in curl's place."""


def run(command: str) -> list[str]:
    done = subprocess.run(["sh", "-c", CURL + command], capture_output=True, check=True)
    return done.stdout.decode().split("\0")


@pytest.mark.parametrize(
    "body", ["plain", "it's", "a\r\nb", "a\u202eb", "\t{}\n", "@file", "new\nlines\n\n"]
)
def test_the_command_that_is_shown_makes_the_request(body: str) -> None:
    """A page shows the command as it is, and a shell makes the same body of it."""
    command = as_curl(TaskRequest("http://example.com/a", "POST", {"X-A": "it's"}, body))

    assert visible(command) == command
    *arguments, last = run(command)
    given = last if arguments[-1] == "@-" else arguments[-1]
    assert given == body
    assert arguments[:5] == ["--request", "POST", "http://example.com/a", "--header", "X-A: it's"]


def test_what_is_unseen_in_a_header_is_sent() -> None:
    """A header with a mark that turns the direction of writing is sent with the mark."""
    request = TaskRequest("http://example.com/", "GET", {"X-Turned": "a\u202eb"})

    assert run(as_curl(request))[:-1][-1] == "X-Turned: a\u202eb"
