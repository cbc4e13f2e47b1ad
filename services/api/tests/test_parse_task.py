from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_api.problems import ProblemError
from queue_api.tasks.checks import check_url
from queue_api.tasks.parse import parse_task
from queue_common.task import Task

URL = "http://example.com/hook"


def parse(**fields: object) -> Task:
    return parse_task(json.dumps({"url": URL, **fields}).encode()).task


def reasons(raw: bytes) -> dict[str, str]:
    with pytest.raises(ProblemError) as caught:
        parse_task(raw)
    assert caught.value.status == 422
    return {error.field: error.reason for error in caught.value.errors}


def task_or_problem(raw: bytes) -> Task | ProblemError:
    try:
        return parse_task(raw).task
    except ProblemError as problem:
        return problem


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
    task = parse_task(f'{{"url": "{URL}", "body": {value}}}'.encode()).task

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


@pytest.mark.parametrize("method", ["BREW", "GET\n", " GET", "", "po\u017ft"])
def test_other_methods_are_refused(method: str) -> None:
    """A method that is not one of the seven, to the last character, is refused."""
    assert set(reasons(json.dumps({"url": URL, "method": method}).encode())) == {"method"}


def test_every_wrong_field_is_named_at_once() -> None:
    """All type errors and unknown fields of a task are reported together."""
    found = reasons(b'{"url": 1, "method": "BREW", "headers": {"X": 1}, "bod": 1}')

    assert set(found) == {"url", "method", "headers.X", "bod"}


def test_every_wrong_value_is_named_at_once() -> None:
    """All values that are wrong beyond their type are reported together."""
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


def test_wrong_types_and_wrong_values_are_told_together() -> None:
    """A field of a wrong type hides no error in the values of the others."""
    found = reasons(
        b'{"url": "ftp://x/", "method": 5, "headers": {"A": 1, "Host": "x", "B": null},'
        b' "body_base64": "AB=", "extra": 1}'
    )

    assert found == {
        "url": "should be absolute and begin with http:// or https://",
        "method": "expected string, got number",
        "headers.A": "expected string, got number",
        "headers.Host": "cannot be set: the worker sets it from the URL",
        "headers.B": "expected string, got null",
        "body_base64": "is not standard base64: Incorrect padding",
        "extra": "is not a field of a task",
    }


def test_one_body_is_enough() -> None:
    """A task with both kinds of body is refused, right as each is."""
    assert reasons(b'{"url": "http://x/", "body": 1, "body_base64": "AA=="}') == {
        "body_base64": "cannot be set together with body"
    }


def test_what_is_told_of_mistakes_is_bounded() -> None:
    """Of thousands of errors the first 100 are reported, and that there are more."""
    with pytest.raises(ProblemError) as caught:
        parse(**{f"field{number}": 1 for number in range(5000)})

    assert len(caught.value.errors) == 100
    assert caught.value.detail == ("The task has more than 100 errors; only the first are listed.")


@pytest.mark.parametrize(
    ("headers", "field", "reason"),
    [
        ([], "headers", "expected object, got array"),
        ({"a b": ""}, "headers.a b", "is not a header name"),
        ({"": ""}, "headers", "is not a header name"),
        ({"Größe": ""}, "headers.Größe", "is not a header name"),
        ({"A\n": ""}, "headers.A\n", "is not a header name"),
        ({"X": "a\r\nY: b"}, "headers.X", "has a control character in its value"),
        ({"X": "a\x00"}, "headers.X", "has a control character in its value"),
        ({"X": "a\x7f"}, "headers.X", "has a control character in its value"),
        ({"x-a": "", "X-A": ""}, "headers.X-A", "comes twice, in different case"),
        ({"TE": ""}, "headers.TE", "cannot be set: it is hop-by-hop"),
        ({f"X-{i}": "" for i in range(101)}, "headers", "has 101 entries; at most 100 are sent"),
        ({"X": "a" * 32768}, "headers", "take 32773 bytes in all; at most 32768 are sent"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_headers_that_cannot_be_sent_are_refused(headers: object, field: str, reason: str) -> None:
    """A header that HTTP or the worker has no place for is refused by its name, with the reason."""
    assert reasons(json.dumps({"url": URL, "headers": headers}).encode()) == {field: reason}


@pytest.mark.parametrize(
    "name",
    ["Connection", "KEEP-ALIVE", "proxy-authenticate", "Proxy-Authorization", "Proxy-Connection",
     "te", "Trailer", "transfer-encoding", "Upgrade", "host", "Content-Length", "Expect",
     "Transfer_Encoding", "CONTENT_LENGTH", "keep_alive", "Proxy_Authorization"],
)  # fmt: skip
def test_headers_of_the_connection_are_refused(name: str) -> None:
    """Hop-by-hop headers, Host, Content-Length and Expect are the worker's, however spelled."""
    assert set(reasons(json.dumps({"url": URL, "headers": {name: "x"}}).encode())) == {
        f"headers.{name}"
    }


def test_headers_keep_case_order_and_text() -> None:
    """Headers are kept as they came, without white space around their values."""
    task = parse(headers={"x-B": " ü\tb ", "A": ""})

    assert list(task.headers.items()) == [("x-B", "ü\tb"), ("A", "")]


@pytest.mark.parametrize("text", ["AB", "AB=", "A===", "AA=A", "A A=", "AA==\n", "-_==", "ü", "="])
def test_what_is_no_base64_is_refused(text: str) -> None:
    """Base64 that is not standard, padded and without white space is refused."""
    assert set(reasons(json.dumps({"url": URL, "body_base64": text}).encode())) == {"body_base64"}


@pytest.mark.parametrize(
    "raw",
    [b'{"url":' + b"[" * 100_000, b'{"body":' + b"[" * 100_000 + b"]" * 100_000 + b',"url":1}',
     b'{"url": 1, "a": "\xff"}', b'{"url": 1, "a": \x01}', b'{"body": NaN, "url": "http://x/"}',
     b'{"url": "http://x/", "body": [1e]}', b'{"url": "http://x/", "body": ["\x01"]}',
     b'{"url": "http://x/", "body": "\\ud800"}', b'{"url": "http://x/", "body": {"a": "\\udc00"}}',
     b'{"url": "http://x/", "headers": {"a": "\\ud800"}}', b'{"url": "http://x/"} x', b"[1,",
     "{}".encode("utf-16")],
)  # fmt: skip
def test_what_is_malformed_behind_a_mistake_is_400(raw: bytes) -> None:
    """JSON is read to its end before its fields are judged: malformed is malformed."""
    with pytest.raises(ProblemError) as caught:
        parse_task(raw)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"url": NaN}', b'{"url": "\xff"}', b"\xef\xbb\xbf{}", b"[" * 100_000,
     b'{"url": "\\ud800"}', b'{"url":"x",}'],
    ids=["empty", "cut", "NaN", "not UTF-8", "BOM", "deep", "surrogate", "comma"],
)  # fmt: skip
def test_what_is_not_json_is_400(raw: bytes) -> None:
    """A body that is not JSON gets 400."""
    with pytest.raises(ProblemError) as caught:
        parse_task(raw)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "half"),
    [(r'"\ud800"', r"\ud800"), (r'"\ud83d\ude00 \\ud800 \\\udc01 x"', r"\udc01"),
     (r'"\n\u00e9\uDBFF\u0041"', r"\uDBFF")],
)  # fmt: skip
def test_half_of_a_surrogate_pair_is_named(text: str, half: str) -> None:
    """An escape that is half of a pair is called so, and not the end of the body."""
    with pytest.raises(ProblemError) as caught:
        parse_task(f'{{"url": "http://x/", "labels": {{"a": {text}}}}}'.encode())

    assert caught.value.detail == f"The body is not JSON: {half} is half of a surrogate pair"


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"x"', b"null"])
def test_what_is_no_object_is_422(raw: bytes) -> None:
    """JSON that is not an object is reported as such."""
    assert reasons(raw) == {"": "should be a JSON object"}


@pytest.mark.parametrize(
    "url",
    ["", "x", "/path", "ftp://x/", "http://", "http:///p", "http://u@x/", "http://x:0/",
     "http://x:65536/", "http://x:a/", "http://x y/", "http://x\\@y/", "http://[::1", "http://[x]/",
     "http://[fe80::1%25eth0]/", "http://a..b/", "http://-a/", "http://x\x00/", "http://ex\u2028/",
     "http://" + "a" * 64 + "/", "http://x/" + "a" * 2083, "http://\u2488com/",
     "http://999.1.1.1/", "http://01.2.3.4/", "http://xn--0/", "http://xn--n3h/", "http://%61/",
     "http:x", "//x/", "http://x/\n", "http://" + "a." * 127 + "a/", "http://*/", "http://a,b/", "http://[v1.a]/"],
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


HOST_PIECES = st.sampled_from(
    ["a", "1", "255", "256", "00", ".", "..", "-", "_", "xn--", "xn--n3h", "xn--bcher-kva", "ü",
     "ß", "☃", "。", "\u200d", "[", "]", "::1", "%", "@", "A", "٣"]
)  # fmt: skip


@given(
    st.one_of(
        st.text(max_size=40).map(lambda rest: f"http://{rest}"),
        st.builds(
            "http://{}:{}/{}".format,
            st.text(max_size=10) | st.lists(HOST_PIECES).map("".join),
            st.integers(-1, 70_000), st.text(max_size=20),
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=3
    ),
)  # fmt: skip


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_any_json_is_sent_as_it_came(value: object, ascii_only: bool, indent: int | None) -> None:
    """Any JSON value, however it is written, reaches the destination byte for byte."""
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    body = parse_task(b'{"body":\n %s , "url": "%s"}' % (written, URL.encode())).task.body

    assert body == (value.encode() if isinstance(value, str) else written)


FRAGMENTS = [
    b"{", b"}", b"[", b"]", b":", b",", b'"url"', b'"method"', b'"headers"', b'"body"',
    b'"body_base64"', b'"http://x/"', b'"http://[::1"', b"1", b"-", b"null", b"NaN", b'"\\ud800"',
    b"\xff", b"\x00", b'"', b"\\", b" ", b'{"a":"b"}', b'"GET"', b"1e999",
]  # fmt: skip


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(FRAGMENTS)).map(b"".join)))
def test_no_bytes_are_a_fault_of_ours(raw: bytes) -> None:
    """Whatever is sent becomes a task or a problem of the client's."""
    found = task_or_problem(raw)

    if isinstance(found, Task):
        assert found.url.startswith("http")
    else:
        assert found.status == 400 or (found.status == 422 and found.errors)


FIELDS = st.fixed_dictionaries(
    {"url": st.sampled_from([URL, "ftp://x/", "http://u@x", 1, None])},
    optional={
        "method": st.sampled_from(["get", "GET\n", 1]),
        "headers": st.dictionaries(st.sampled_from(["A", "a", "Host", "a b"]), JSON) | JSON,
        "body": JSON,
        "body_base64": st.sampled_from(["AA==", "A", 1]),
        "more": JSON,
    },
)


@given(FIELDS)
def test_each_mistake_is_told_by_its_field(fields: dict[str, object]) -> None:
    """A task without errors is accepted; otherwise each error names a field that was sent."""
    found = task_or_problem(json.dumps(fields).encode())

    if isinstance(found, ProblemError):
        assert found.status == 422
        assert found.errors
        assert {error.field.partition(".")[0] for error in found.errors} <= fields.keys()


def url_or_reason(url: str) -> str:
    try:
        return check_url(url)
    except ValueError as error:
        return f"! {error}"


@given(
    host=st.sampled_from(["example.com", "127.0.0.1", "999.1.1.1", "a..b", "xn--a", "h:1", "h:0"]),
    rest=st.one_of(st.text(), st.text("/?#[]@:%\\ ab;").map("/".__add__)),
)
def test_plain_urls_are_read_as_all_others(host: str, rest: str) -> None:
    """The short way for plain URLs says what the long one, taken for capitals, does."""
    assert url_or_reason(f"http://{host}{rest}") == url_or_reason(f"HTTP://{host}{rest}")
