"""Lanes: which tasks wait for each other."""

from __future__ import annotations

import pytest

from queue_common.lanes import lane_in, lane_of, shown_lane, shown_url, split_lane


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("http://a.test/x", "a.test:80"),
        ("https://a.test/x", "a.test:443"),
        ("http://a.test:8080/x", "a.test:8080"),
        ("HTTP://A.Test/x", "a.test:80"),
        ("http://a.test./x", "a.test:80"),
        ("http://user:secret@a.test/x", "a.test:80"),
        ("http://127.0.0.1:9/x", "127.0.0.1:9"),
        ("https://[2001:DB8::1]/x", "[2001:db8::1]:443"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://a.test?x=http://b.test/", "a.test:80"),
    ],
)
def test_lane_is_the_destination(url: str, lane: str) -> None:
    """A task's lane is its URL's host and port, in one spelling whatever the URL's."""
    assert lane_of(url) == lane


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a.test/x?token=secret", "http://a.test/x?…"),
        ("http://a.test/x?a=1?b=2", "http://a.test/x?…"),
        ("http://a.test/x", "http://a.test/x"),
    ],
)
def test_query_strings_are_not_shown(url: str, shown: str) -> None:
    """A query string may hold secrets: that there is one is all that is shown."""
    assert shown_url(url) == shown


@pytest.mark.parametrize("project", ["default", "shop"])
@pytest.mark.parametrize("lane", ["a.test:80", "[::1]:8080"])
def test_a_lane_keeps_its_project(project: str, lane: str) -> None:
    """The queue's name for a lane contains the project and the lane."""
    assert split_lane(lane_in(project, lane)) == (project, lane)


def test_the_default_project_has_no_prefix() -> None:
    """Lanes of the project ``default`` keep the names that they had before there were projects."""
    assert lane_in("default", "a.test:80") == "a.test:80"


def test_lane_is_shown_with_its_project() -> None:
    """People see a lane of a project as ``project/lane``, and a lane of ``default`` as it is."""
    assert shown_lane(lane_in("one", "a.test:80")) == "one/a.test:80"
    assert shown_lane(lane_in("default", "a.test:80")) == "a.test:80"
