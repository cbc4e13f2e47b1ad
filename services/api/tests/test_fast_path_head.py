"""What the fast path takes: what every HTTP parser reads the same way."""

from __future__ import annotations

from collections.abc import Iterator

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queue_api.http.head import read_head
from queue_api.http.origin import AllowedHosts

MIB = 1 << 20
ANY = AllowedHosts(["*"])
JSON = b"Host: x\r\nContent-Type: application/json\r\n"
LINE = b"POST /api/v1/tasks HTTP/1.1\r\n"
CLIENTS = {
    "curl": b"Host: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"
    b"Content-Type: application/json\r\nContent-Length: 19\r\n\r\n",
    "httpx": b"Host: localhost:8080\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
    b"Connection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\nContent-Length: 19\r\n"
    b"Content-Type: application/json\r\n\r\n",
    "Go": b"Host: localhost:8080\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 19\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nAccept-Encoding: gzip\r\n\r\n",
    "fetch": b"host: localhost:8080\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n"
    b"accept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\n"
    b"accept-encoding: gzip, deflate\r\ncontent-length: 19\r\n\r\n",
    "an ingress": b"Host: queue.example.com\r\nX-Request-ID: 7b1f\r\nX-Real-IP: 10.0.0.1\r\n"
    b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Scheme: https\r\n"
    b"Content-Length: 19\r\nContent-Type: application/json\r\n"
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
}


class Parsed:
    """What uvicorn's parser makes of bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.url = b""
        self.complete = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete += 1


@pytest.mark.parametrize("head", CLIENTS.values(), ids=CLIENTS)
def test_common_clients_take_the_fast_path(head: bytes) -> None:
    """What common clients send takes the fast path."""
    found = read_head(LINE + head + b'{"url":"http://x/"}', MIB, ANY)

    assert found is not None
    read, _ = found
    assert read.head_bytes == len(LINE + head)
    assert read.request_bytes == len(LINE + head) + 19


OTHERS = {
    "two hosts": b"Host: x\r\nContent-Length: 2\r\n\r\n",
    "no length": b"X-A: x\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n",
    "a sign": b"Content-Length: +2\r\n\r\n",
    "another digit": b"Content-Length: \xb2\r\n\r\n",
    "too large for one piece": b"Content-Length: 65537\r\n\r\n",
    "chunked": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a space before the colon": b"Content-Length : 2\r\n\r\n",
    "a line that goes on": b"Content-Length: 2\r\nX-A: 1\r\n 2\r\n\r\n",
    "a header without name": b"Content-Length: 2\r\n: 1\r\n\r\n",
    "no header": b"Content-Length: 2\r\nX\r\n\r\n",
    "a bare LF": b"Content-Length: 2\r\nX-A: 1\nX-B: 2\r\n\r\n",
    "a bare CR": b"Content-Length: 2\r\nX-A: 1\rX-B: 2\r\n\r\n",
    "a NUL": b"Content-Length: 2\r\nX-A: \x00\r\n\r\n",
    "to be closed": b"Content-Length: 2\r\nConnection: close\r\n\r\n",
    "an upgrade": b"Content-Length: 2\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "one that waits": b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    "two types": b"Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n",
    "compressed": b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n",
    "a long head": b"Content-Length: 2\r\nX-A: " + b"x" * 4096 + b"\r\n\r\n",
    "half a head": b"Content-Length: 2\r\n",
    "nothing": b"\r\n",
}


@pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
def test_all_else_is_for_the_parser(head: bytes) -> None:
    """A head that is anything but plain is not read here."""
    assert read_head(LINE + JSON + head + b"{}", MIB, ANY) is None


@pytest.mark.parametrize(
    "line",
    [
        b"POST /api/v1/tasks HTTP/1.0\r\n", b"POST /api/v1/tasks?a=1 HTTP/1.1\r\n",
        b"POST /api/v1/tasks/ HTTP/1.1\r\n", b"PUT /api/v1/tasks HTTP/1.1\r\n",
        b"post /api/v1/tasks HTTP/1.1\r\n", b"POST  /api/v1/tasks HTTP/1.1\r\n",
        b"POST /api/v1/tasks HTTP/1.1\n", b"POST http://x/api/v1/tasks HTTP/1.1\r\n",
        b"\r\nPOST /api/v1/tasks HTTP/1.1\r\n",
    ],
    ids=repr,
)  # fmt: skip
def test_no_other_line_takes_the_fast_path(line: bytes) -> None:
    """The first line is that of a task to the byte, or the request is for the parser."""
    assert read_head(line + JSON + b"Content-Length: 2\r\n\r\n{}", MIB, ANY) is None


@pytest.mark.parametrize("kind", [b"", b"Content-Type: text/plain\r\n", b"Content-Type: \r\n"])
def test_a_body_that_is_not_called_json_does_not_take_the_fast_path(kind: bytes) -> None:
    """Without Content-Type: application/json the request is refused elsewhere."""
    head = LINE + b"Host: x\r\n" + kind
    assert read_head(head + b"Content-Length: 2\r\n\r\n{}", MIB, ANY) is None


def test_a_head_without_host_does_not_take_the_fast_path() -> None:
    """Without Host the request is refused by the parser."""
    head = LINE + b"Content-Type: application/json\r\n"
    assert read_head(head + b"Content-Length: 2\r\n\r\n{}", MIB, ANY) is None


@pytest.mark.parametrize("name", [b"Authorization", b"cookie", b"PROXY-AUTHORIZATION"])
def test_a_secret_takes_the_fast_path_and_is_not_remembered(name: bytes) -> None:
    """A head with a secret is measured as it came, and read without the secret's value."""
    for secret in (b"Bearer s3cret", b"", b"Bearer another one"):
        lines = JSON + name + b": " + secret + b"\r\nContent-Length: 2\r\n\r\n"
        found = read_head(LINE + lines + b"{}", MIB, ANY)

        assert found is not None
        read, key = found
        assert key == (secret if name == b"Authorization" else None)
        assert read.head_bytes == len(LINE + lines)
        assert read.request_bytes == len(LINE + lines) + 2
        assert (name.lower(), b"") in read.headers


@pytest.mark.parametrize("value", [b"a\x00", b"a\rb", b"a\nb", b"a\r\n b"], ids=repr)
def test_a_secret_is_written_as_any_value(value: bytes) -> None:
    """What another reader could take for an end does not pass because its header is secret."""
    lines = JSON + b"Authorization: " + value + b"\r\nContent-Length: 2\r\n\r\n"

    assert read_head(LINE + lines + b"{}", MIB, ANY) is None


def test_the_limit_of_a_body_holds() -> None:
    """A body over API_MAX_BODY does not take the fast path, one that is as large does."""
    data = LINE + JSON + b"Content-Length: 10\r\n\r\n"

    assert read_head(data, 10, ANY) is not None
    assert read_head(data, 9, ANY) is None


NAMES = st.sampled_from([
    b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Host",
    b"Authorization", b"authorization", b"AUTHORIZATION", b"Cookie", b"X-Project",
    b"Expect", b"Content-Type", b"X-A", b"X A", b"X\xff", b"", b" Host", b"Proxy-Connection",
])  # fmt: skip
VALUES = st.sampled_from([
    b"2", b" 2", b"2 ", b"\t2\t", b"02", b"+2", b"2,2", b"0x2", b"", b"chunked", b"close", b"x\xff",
    b"keep-alive", b"Keep-Alive, close", b"upgrade", b"h2c", b"application/json", b"a\rb", b"a\nb",
    b"a\r\n b", b"\x0b", b"\x7f", b'"a\tb"', b"100-continue",
])  # fmt: skip


def without_secrets(headers: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers as a head has them."""
    for name, value in headers:
        yield name, b"" if name in {b"authorization", b"cookie"} else value


HEADS = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b" :", b""]), VALUES), max_size=5)


@given(HEADS, st.binary(max_size=8))
@example(
    [
        (b"Content-Type", b": ", b"application/json"),
        (b"Host", b":", b"x"),
        (b"Content-Length", b": ", b"2"),
    ],
    b"{}",
)
@example(
    [(b"X-A", b": ", b" 1\t"), (b"Content-Length", b":", b"2 "), (b"Host", b":", b"")], b"{}GET / "
)
def test_the_parser_reads_it_the_same_way(
    lines: list[tuple[bytes, bytes, bytes]], behind: bytes
) -> None:
    """Whatever takes the fast path has the same end, headers and body for uvicorn's parser."""
    head = LINE + JSON + b"".join(name + colon + value + b"\r\n" for name, colon, value in lines)
    data = head + b"\r\n" + behind
    found = read_head(data, MIB, ANY)
    if found is None or len(data) < found[0].request_bytes:
        return
    read, key = found

    parsed = Parsed(data[: read.request_bytes])
    assert parsed.complete == 1
    assert (parsed.parser.get_method(), parsed.url) == (b"POST", b"/api/v1/tasks")
    assert parsed.parser.should_keep_alive()
    assert not parsed.parser.should_upgrade()
    told = dict(parsed.headers).get(b"authorization")
    assert (key or b"") == (told or b"").strip(b" \t")
    assert tuple(without_secrets(parsed.headers)) == read.headers
    assert parsed.body == data[read.head_bytes : read.request_bytes]
