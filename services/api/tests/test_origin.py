"""What a web page of another site has a browser send is refused, on both ways in."""

from __future__ import annotations

import httpx
import pytest

from queue_api.http.head import read_head
from queue_api.http.origin import AllowedHosts, check_source
from queue_api.problems import ProblemError
from queue_api.settings import ApiSettings

from .conftest import Api
from .hand_driven import request

LISTED = AllowedHosts(["queue.example.com", "*.internal.example"])
NONE = AllowedHosts([])
ANY = AllowedHosts(["*"])
BY_ASGI = b"Proxy-Connection: keep-alive"
"""A header that says nothing new, and that the fast path leaves to the parser."""


def status_of(method: str, allowed: AllowedHosts, **headers: str) -> int:
    """Return the status of the refusal; 200 if there is none."""
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    try:
        check_source(method, pairs, allowed)
    except ProblemError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST:8080", "app.localhost", "127.0.0.1:8080",
     "127.1.2.3", "[::1]:8080", "[fd00::1]", "10.0.0.7:8080"],
)  # fmt: skip
def test_no_list_is_needed_for_what_no_page_has_for_its_name(host: str) -> None:
    """Addresses, as probes send them, and localhost always get a response."""
    for allowed in (NONE, LISTED, ANY):
        assert status_of("GET", allowed, host=host) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
     "evil-localhost", "", "a b", "localhost:8080:1", "localhost@evil.example",
     "[::1].evil.example", "1.2.3.4.5", "internal.example", "xinternal.example",
     "queue.example.com.evil.example"],
)  # fmt: skip
def test_a_name_that_is_not_listed_is_421(host: str) -> None:
    """A Host that is none of ours is refused, whatever the method; its * allows each."""
    for method in ("GET", "POST"):
        assert status_of(method, NONE, host=host) == 421
        assert status_of(method, LISTED, host=host) == 421
        assert status_of(method, ANY, host=host) == 200


@pytest.mark.parametrize(
    "host",
    ["queue.example.com", "Queue.Example.com.:443", "a.internal.example", "a.b.internal.example"],
)
def test_listed_names_are_accepted(host: str) -> None:
    """A name is listed as it is, or by its suffix, in any case and with any port."""
    assert status_of("POST", LISTED, host=host) == 200
    assert status_of("POST", NONE, host=host) == 421


def test_an_origin_without_a_host_is_refused() -> None:
    """A POST of another site is refused if it has no Host, too."""
    assert status_of("POST", ANY, origin="https://evil.example") == 403


def test_one_of_two_hosts_is_enough_to_refuse() -> None:
    """Each Host header is looked at, not the last alone."""
    hosts = [(b"host", b"evil.example"), (b"host", b"localhost")]

    with pytest.raises(ProblemError):
        check_source("GET", hosts, NONE)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec_fetch_site": "same-origin", "origin": "http://localhost:8080"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        # Behind a proxy that sets the Host, the browser knows better.
        ({"sec_fetch_site": "same-origin", "origin": "https://queue.corp.example"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "origin": "http://localhost:3000"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://localhost:8080"}, 403),
        ({"sec_fetch_site": "cross-origin"}, 403),
        ({"origin": "http://localhost:8080"}, 200),
        ({"origin": "https://queue.example.com"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://[evil"}, 403),
        ({"origin": "http://localhost@evil.example"}, 403),
    ],
)
def test_what_another_site_sends_is_403(headers: dict[str, str], status: int) -> None:
    """A POST is refused if the browser says that another site sent it; a GET is not."""
    assert status_of("POST", LISTED, host="localhost:8080", **headers) == status
    assert status_of("DELETE", LISTED, host="localhost:8080", **headers) == status
    assert status_of("GET", LISTED, host="localhost:8080", **headers) == 200


@pytest.mark.parametrize(
    "header",
    [b"Host: evil.example", b"Sec-Fetch-Site: cross-site", b"Origin: https://evil.example"],
)
def test_the_fast_path_takes_nothing_of_it(header: bytes) -> None:
    """A head that would be refused is left to the application, which refuses it."""
    refused = request(header)

    assert read_head(request(), 1 << 20, AllowedHosts(["api"])) is not None
    assert read_head(refused, 1 << 20, AllowedHosts(["api"])) is None


@pytest.mark.parametrize("way", [b"X-Way: fast", BY_ASGI])
@pytest.mark.parametrize(
    ("header", "status"),
    [(b"X-Id: 1", b"201"), (b"Origin: https://evil.example", b"403"),
     (b"Sec-Fetch-Site: cross-site", b"403"), (b"Host: evil.example", b"421")],
)  # fmt: skip
async def test_a_process_refuses_it_and_goes_on(
    strict_api: Api, way: bytes, header: bytes, status: bytes
) -> None:
    """A task that another site sends is not stored, and the connection is still good."""
    is_host = header.startswith(b"Host")
    raw = request(way) if is_host else request(way, header)
    raw = raw.replace(b"Host: api", header if is_host else b"Host: localhost")
    async with strict_api.connection() as (reader, writer):
        for _ in range(2):
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)


async def test_every_route_looks_at_the_host(strict_api: Api) -> None:
    """Each route accepts an address, as probes send it, and no name that is not ours."""
    paths = ("/health", "/ready", "/version", "/docs", "/openapi.json", "/nowhere")
    async with httpx.AsyncClient(base_url=strict_api.url) as client:
        for path in paths:
            refused = await client.get(path, headers={"host": "evil.example"})
            assert refused.status_code == 421
            assert "API_ALLOWED_HOSTS" in refused.json()["detail"]
            assert refused.headers["content-type"] == "application/problem+json"
            assert (await client.get(path)).status_code != 421


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ({"env": "development"}, ()),
        ({"env": "production"}, ("*",)),
        (
            {"env": "production", "api_allowed_hosts": "Queue.Example , *.x"},
            ("queue.example", "*.x"),
        ),
        ({"env": "development", "api_allowed_hosts": "*"}, ("*",)),
    ],
)
def test_production_has_any_name_until_it_is_told(
    environment: dict[str, str], hosts: tuple[str, ...]
) -> None:
    """Without the variable production allows each name, and development none."""
    settings = ApiSettings(api_auth="off", **environment)  # type: ignore[arg-type]

    assert settings.allowed_hosts() == hosts


@pytest.mark.parametrize("value", ["http://x", "x:80", "a,,b", "*x", "a.*", " ", "a b", "."])
def test_what_is_no_list_of_names_is_refused(value: str) -> None:
    """API_ALLOWED_HOSTS takes names and suffixes, no URL and no port."""
    with pytest.raises(ValueError, match="should be names without port"):
        ApiSettings(api_allowed_hosts=value)
