"""Known ways round an egress guard, tried against real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from queue_common.egress import EgressGuard
from queue_common.task import Outcome
from queue_testing.attempts import attempt, open_transport
from queue_testing.network.socket_server import SocketServer, says
from queue_worker.transport import HttpClient, Resolver
from queue_worker.transport.dialing.lookup import AddressInfo, numeric, system_lookup

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def production(allow: str = "", protected: tuple[tuple[str, int], ...] = ()) -> EgressGuard:
    """Return the guard of a production worker."""
    return EgressGuard.from_settings(allow=allow, protected=protected)


Opener = Callable[..., HttpClient]


@pytest.fixture
async def guarded() -> AsyncIterator[Opener]:
    """Opens transports, guarded as in production by default."""
    opened: list[HttpClient] = []

    def open_one(guard: EgressGuard | None = None, resolver: Resolver | None = None) -> HttpClient:
        made = open_transport(guard=guard or production(), resolver=resolver)
        opened.append(made)
        return made

    yield open_one
    for transport in opened:
        await transport.aclose()


SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "017700000001", "0177.0.0.1",
    "0x7f000001", "0x7f.0.0.1", "0x7F.1", "0177.0x0.0.1", "localhost", "LOCALHOST", "localhost.",
    "127.0.0.1.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[fe80::1%25lo]", "[::1%25lo]", "127.0.0.1%00.a.com",
    "user:password@127.0.0.1", "example.com@127.0.0.1", "a@b@127.0.0.1",
    "①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "127.0.0.1\\@example.com",
    "example.com\\@127.0.0.1", "169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376",
    "169.254.43518", "169.16689662", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]",
    "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_spellings_of_internal_addresses(guarded: Opener, spelling: str) -> None:
    """However an internal address is spelled, nothing is connected to."""
    async with SocketServer(says(OK)) as server:
        result = await attempt(guarded(), f"http://{spelling}:{server.port}/", timeout_seconds=3)

    # Where the spelling is no host at all, or no name that anybody knows, it ends before the guard.
    refused = {Outcome.EGRESS_REFUSED, Outcome.PROTOCOL_ERROR, Outcome.DNS_ERROR}
    assert result.outcome in refused
    assert server.connections == 0


PLAIN = [
    "127.0.0.1", "127.1", "0.0.0.0", "2130706433", "017700000001", "0x7f.1", "localhost",
    "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25lo]", "user:password@127.0.0.1",
    "169.254.169.254", "0xa9fea9fe", "[fd00:ec2::254]",
]  # fmt: skip


@pytest.mark.parametrize("spelling", PLAIN)
async def test_the_refusal_is_final_and_clear(guarded: Opener, spelling: str) -> None:
    """What the system reads as an internal address is told to be refused, and why."""
    result = await attempt(guarded(), f"http://{spelling}:1/")

    assert result.outcome is Outcome.EGRESS_REFUSED
    assert result.error is not None
    assert "never delivered to" in result.error or "EGRESS_ALLOW" in result.error


def answers(*rounds: tuple[str, ...]) -> Callable[[str], list[AddressInfo]]:
    """Return a look-up that gives other addresses each time, the last ones ever after."""
    remaining: Iterator[tuple[str, ...]] = iter((*rounds, *[rounds[-1]] * 100))
    return lambda _host: [info for host in next(remaining) for info in numeric(host) or ()]


async def test_rebinding(guarded: Opener) -> None:
    """If a name's address changes, only the checked address is connected to."""
    transport = guarded(production("127.0.0.2"), Resolver(answers(("127.0.0.2",), ("127.0.0.1",))))

    async with SocketServer(says(OK)) as internal, SocketServer(says(OK), host="127.0.0.2") as own:
        url = f"http://rebinding.example:{own.port}/"
        results = [await attempt(transport, url) for _ in range(3)]
        other = await attempt(transport, f"http://rebinding.example:{internal.port}/")

    assert [result.outcome for result in results] == [Outcome.DELIVERED] * 3
    assert other.outcome is Outcome.CONNECT_ERROR
    assert internal.connections == 0


async def test_rebinding_after_the_response_is_forgotten(guarded: Opener) -> None:
    """Each new connection is judged by the address it goes to, whatever the name was before."""
    reader = answers(("127.0.0.2",), ("127.0.0.1",))
    resolver = Resolver(reader, cache_ttl_seconds=0)
    transport = guarded(production("127.0.0.2"), resolver)

    async with SocketServer(says(OK, then_close=True), host="127.0.0.2") as server:
        url = f"http://rebinding.example:{server.port}/"
        first = await attempt(transport, url, headers=[(b"Connection", b"close")])
        second = await attempt(transport, url)

    assert first.outcome is Outcome.DELIVERED
    assert second.outcome is Outcome.EGRESS_REFUSED


@pytest.mark.parametrize("order", [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")])
async def test_one_good_and_one_bad_address(guarded: Opener, order: tuple[str, str]) -> None:
    """Of a name's addresses the refused ones are left out, in whatever order they come."""
    transport = guarded(production("127.0.0.2"), Resolver(answers(order)))

    async with SocketServer(says(OK)) as bad, SocketServer(says(OK), host="127.0.0.2") as good:
        at_good = await attempt(transport, f"http://two.example:{good.port}/")
        at_bad = await attempt(transport, f"http://two.example:{bad.port}/")

    assert at_good.outcome is Outcome.DELIVERED
    assert at_bad.outcome is Outcome.CONNECT_ERROR
    assert bad.connections == 0


async def test_a_redirect(guarded: Opener) -> None:
    """A redirect to an internal address is a failure with its status; nobody follows it."""
    transport = guarded(production("127.0.0.2"))

    async with SocketServer(says(OK)) as internal:
        away = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        script = says(away % internal.url.encode())
        async with SocketServer(script, host="127.0.0.2") as server:
            result = await attempt(transport, server.url)

    assert (result.outcome, result.status) == (Outcome.HTTP_ERROR, 302)
    assert internal.connections == 0


@pytest.mark.parametrize("url_host", ["127.0.0.1", "127.0.0.2", "cache.example", "[::1]"])
async def test_redis_itself(guarded: Opener, url_host: str) -> None:
    """Redis is refused at its port, by whatever name, where loopback is allowed otherwise."""

    def reader(host: str) -> list[AddressInfo]:
        known = host in {"cache.example", "redis.example"}
        return (numeric("127.0.0.1") or []) if known else system_lookup(host)

    async with SocketServer(says(OK)) as redis:
        transport = guarded(
            production("127.0.0.0/8, ::1", (("redis.example", redis.port),)), Resolver(reader)
        )
        result = await attempt(transport, f"http://{url_host}:{redis.port}/")

    assert result.outcome is Outcome.EGRESS_REFUSED
    assert result.error is not None
    assert "the queue's own infrastructure" in result.error
    assert redis.connections == 0


async def test_a_protected_name_without_address(guarded: Opener) -> None:
    """While Redis' name has no address other destinations at its port are delivered to."""
    async with SocketServer(says(OK)) as server:
        guard = production("127.0.0.1", (("redis.invalid", server.port),))
        result = await attempt(guarded(guard), server.url)

    assert result.outcome is Outcome.DELIVERED
