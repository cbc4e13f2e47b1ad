from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_api.checks import check_url
from queue_api.parse import parse_task
from queue_api.problems import ProblemError
from queue_common.task import Task

URL = "http://example.com/hook"


def parse(**fields: object) -> Task:
    return parse_task(json.dumps({"url": URL, **fields}).encode())


def reasons(raw: bytes) -> dict[str, str]:
    with pytest.raises(ProblemError) as caught:
        parse_task(raw)
    assert caught.value.status == 422
    return {error.field: error.reason for error in caught.value.errors}


@pytest.mark.parametrize(
    ("value", "sent", "content_type"),
    [
        ('"text ü"', "text ü".encode(), None),
        ('{"b": 1.0, "a": [1e2, 123456789012345678901234567890]}', None, "application/json"),
        ("null", None, "application/json"),
        ("[]", None, "application/json"),
        ("0", None, "application/json"),
        ('""', b"", None),
    ],
    ids=["string", "object", "null", "array", "number", "empty string"],
)
def test_a_body_is_sent_as_it_came(
    value: str, sent: bytes | None, content_type: str | None
) -> None:
    """A string body is sent as text, any other JSON value byte for byte as JSON."""
    task = parse_task(f'{{"url": "{URL}", "body": {value}}}'.encode())

    assert task.body == (value.encode() if sent is None else sent)
    assert task.headers.get("Content-Type") == content_type


def test_a_tasks_own_content_type_stays() -> None:
    """A Content-Type that the task sets, in any case, is not set again."""
    task = parse(headers={"content-type": "application/vnd.x+json"}, body={})

    assert task.headers == {"content-type": "application/vnd.x+json"}


def test_without_a_body_there_is_none() -> None:
    """A task without body has no body and no Content-Type."""
    task = parse()

    assert (task.body, task.headers, task.method) == (None, {}, "POST")


def test_base64_is_sent_as_bytes() -> None:
    """body_base64 is sent as the bytes it stands for."""
    assert parse(body_base64="AAEC/w==").body == b"\x00\x01\x02\xff"


def test_methods_come_in_any_case() -> None:
    """A method in lower case is sent in upper case."""
    assert parse(method="delete").method == "DELETE"


def test_every_wrong_field_is_named_at_once() -> None:
    """All type errors and unknown fields of a task are told together."""
    found = reasons(b'{"url": 1, "method": "BREW", "headers": {"X": 1}, "bod": 1}')

    assert set(found) == {"url", "method", "headers.*", "bod"}


def test_every_wrong_value_is_named_at_once() -> None:
    """All values that are wrong beyond their type are told together."""
    found = reasons(
        json.dumps(
            {
                "url": "http://u:p@x/",
                "headers": {"a b": "", "Host": "x", "X": "a\nb", "Y": "1", "y": "2"},
                "body": 1,
                "body_base64": "%",
            }
        ).encode()
    )

    assert set(found) == {
        "url", "headers.a b", "headers.Host", "headers.X", "headers.y", "body_base64",
    }  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"url": NaN}', b'{"url": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 100_000,
     b'{"url": "\\ud800"}', b'{"url":"x",}'],
    ids=["empty", "cut", "NaN", "not UTF-8", "BOM", "deep", "surrogate", "comma"],
)  # fmt: skip
def test_what_is_not_json_is_400(raw: bytes) -> None:
    """A body that is not JSON is answered with 400."""
    with pytest.raises(ProblemError) as caught:
        parse_task(raw)

    assert caught.value.status == 400


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"x"', b"null"])
def test_what_is_no_object_is_422(raw: bytes) -> None:
    """JSON that is no object is told to be none."""
    assert reasons(raw) == {"": "should be a JSON object"}


@pytest.mark.parametrize(
    "url",
    ["", "x", "/path", "ftp://x/", "http://", "http:///p", "http://u@x/", "http://x:0/",
     "http://x:65536/", "http://x:a/", "http://x y/", "http://x\\@y/", "http://[::1", "http://[x]/",
     "http://[fe80::1%25eth0]/", "http://a..b/", "http://-a/", "http://x\x00/", "http://ex\u2028/",
     "http://" + "a" * 64 + "/", "http://x/" + "a" * 2083, "http://\u2488com/"],
)  # fmt: skip
def test_urls_that_cannot_be_requested_are_refused(url: str) -> None:
    """A URL that is not absolute, http or https, with a usable host is refused by its field."""
    assert "url" in reasons(json.dumps({"url": url}).encode())


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("HTTP://Example.com", "http://example.com"),
        ("http://example.com:8080/a?b=c#d", "http://example.com:8080/a?b=c"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/ü"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]:80/"),
        ("http://127.1/", "http://127.1/"),
        ("http://a_b.example./", "http://a_b.example./"),
    ],
)
def test_urls_are_kept_as_they_will_be_requested(url: str, requested: str) -> None:
    """A URL is kept with its host in ASCII and without its fragment."""
    assert check_url(url) == requested


@given(
    st.one_of(
        st.text(max_size=40).map(lambda rest: f"http://{rest}"),
        st.builds(
            "http://{}:{}/{}".format,
            st.text(max_size=10), st.integers(-1, 70_000), st.text(max_size=20),
        ),
    )
)  # fmt: skip
def test_each_accepted_url_can_be_requested(url: str) -> None:
    """Whatever URL is accepted, httpx takes it, with a host and a port within range."""
    try:
        accepted = check_url(url)
    except ValueError:
        return

    parsed = httpx.URL(accepted)
    assert parsed.host
    assert parsed.port is None or 0 < parsed.port < 65536
    assert check_url(accepted) == accepted
