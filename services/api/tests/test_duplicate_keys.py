"""A body that names a field or a header twice is refused, however it is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_api.problems import ProblemError
from queue_api.tasks.parse import parse_task

URL = '"url": "http://example.com/"'


def fields_of(text: str) -> list[str]:
    """Return the fields that a refused body's problem names."""
    with pytest.raises(ProblemError) as caught:
        parse_task(text.encode())
    assert caught.value.status == 422
    return [error.field for error in caught.value.errors]


def an_object(*members: str) -> str:
    """Return the text of a JSON object."""
    return f"{{{', '.join(members)}}}"


LARGE = f'"body": {{{URL}, "x": "{"y" * 4000}"}}'
TWO_AS = '"headers": {"A": "1", "A": "2"}'


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (an_object(URL, '"url": "http://b/"'), "url"),
        (an_object(URL, '"\\u0075rl": "http://b/"'), "url"),
        (an_object(URL, '"url": 1'), "url"),
        (an_object('"url": 1', URL), "url"),
        (an_object(URL, '"method": "GET"', '"method": "POST"'), "method"),
        (an_object(URL, '"headers": {"A": "1"}', '"headers": {}'), "headers"),
        (an_object(URL, '"body": 1', '"body": 2'), "body"),
        (an_object(URL, '"body": "url"', '"body": "url"'), "body"),
        (an_object('"body": 1', '"body": 1', URL), "body"),
        (an_object(LARGE, URL, '"url": "http://b/"'), "url"),
        (an_object(LARGE, URL, '"\\u0075rl": "http://b/"'), "url"),
        (an_object(URL, '"url": "http://b/"', LARGE) + " ", "url"),
        (an_object(URL, '"body_base64": ""', '"body_base64": ""'), "body_base64"),
        (an_object(URL, TWO_AS), "headers.A"),
        (an_object(URL, '"headers": {"A": "1", "\\u0041": "2"}'), "headers.A"),
        (an_object(URL, '"headers": {"A": "1", "B": "", "A": ""}', '"body": [1]'), "headers.A"),
        (an_object(LARGE, URL, TWO_AS), "headers.A"),
        (an_object(URL, TWO_AS.replace("headers", "body"), TWO_AS), "headers.A"),
    ],
)  # fmt: skip
def test_a_name_that_comes_twice_is_refused_by_its_name(text: str, field: str) -> None:
    """Two fields or headers of one name are 422: which of them counts is a matter of the reader."""
    assert field in fields_of(text)


WORDS = st.sampled_from(
    ["url", "method", "headers", "body", "body_base64", '"url"', '"url":"http://a/"', "\\", "}"]
)  # fmt: skip
VALUES = st.recursive(
    WORDS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner)
)


@given(
    body=VALUES,
    headers=st.dictionaries(st.sampled_from(["url", "body", "A"]), WORDS),
    order=st.permutations(["url", "method", "headers", "body"]),
    padding=st.sampled_from(["", "x" * 3000]),
    ascii_only=st.booleans(),
)
def test_the_same_words_within_values_are_no_names(
    body: object, headers: dict[str, str], order: list[str], padding: str, ascii_only: bool
) -> None:
    """Whatever is in a body or a header's value, no field counts as named twice."""
    task = {
        "url": f"http://example.com/{padding[:1000]}", "method": "PUT", "headers": headers,
        "body": [body, padding],
    }  # fmt: skip
    written = json.dumps({name: task[name] for name in order}, ensure_ascii=ascii_only)

    assert parse_task(written.encode()).task.method == "PUT"


def test_a_url_that_ends_like_the_body_is_a_url() -> None:
    """The body's text at the end of another field is that field's."""
    task = parse_task(rb'{"body": "/a", "url": "http://example.com/\"/a"}').task

    assert task.url == 'http://example.com/"/a'


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions, C's included, ``work`` calls."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"url": "http://x/", "headers": {f"f{i}": i for i in range(60_000)}}),
        json.dumps({"url": "http://x/", **{f"f{i}": i for i in range(60_000)}}),
        an_object(URL, *['"method": "GET"'] * 60_000),
        an_object(URL, '"headers": ' + an_object(*['"A": 1'] * 60_000)),
    ],
    ids=["headers of a wrong type", "unknown fields", "one field again", "one header again"],
)  # fmt: skip
def test_the_work_for_a_wrong_body_is_bounded(raw: str) -> None:
    """A bounded number of a body's errors is checked."""
    calls = calls_of(lambda: fields_of(raw))

    assert calls < 5_000
