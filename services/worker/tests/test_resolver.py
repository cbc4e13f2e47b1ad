"""Looking names up: what is shared, what is remembered, and what holds up nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from queue_testing import wait_until
from queue_worker.transport import ResolveError, Resolver
from queue_worker.transport.dialing.lookup import AddressInfo, numeric
from queue_worker.transport.dialing.resolver import (
    MAX_DOMAIN_LOOKUPS,
    MAX_LOOKUPS,
    MAX_SLOW_DOMAIN_LOOKUPS,
)

FOUND = numeric("127.0.0.1") or []


class NameServers:
    """Look-ups of names with "hang" in them wait until ``go`` is set; no name ``missing`` is."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()

    def __call__(self, host: str) -> list[AddressInfo]:
        self.asked.append(host)
        if "hang" in host:
            self.go.wait()
        if "missing" in host:
            raise OSError("no such name")
        return FOUND


@pytest.fixture
def servers() -> Iterator[NameServers]:
    """The resolver of the test; nothing hangs beyond the test."""
    servers = NameServers()
    yield servers
    servers.go.set()


def ask(resolver: Resolver, *names: str) -> list[asyncio.Task[object]]:
    """Ask for names at once."""
    return [asyncio.create_task(resolver.resolve(name)) for name in names]


async def test_a_name_is_looked_up_once(servers: NameServers) -> None:
    """Callers share one look-up, and its result for 30 s."""
    resolver = Resolver(servers)
    waiting = ask(resolver, *["hang.example"] * 10)
    await wait_until(lambda: servers.asked, "the look-up runs")
    waiting[0].cancel()
    servers.go.set()
    found = await asyncio.gather(*waiting[1:])
    later = await resolver.resolve("hang.example")

    assert servers.asked == ["hang.example"]
    assert all(response == later for response in found)
    assert waiting[0].cancelled()


@pytest.mark.parametrize(("seconds", "times"), [(60.0, 1), (0.0, 2)])
async def test_a_failure_is_remembered_for_a_while(
    servers: NameServers, seconds: float, times: int
) -> None:
    """A name that had no address is asked for again only when that is forgotten."""
    resolver = Resolver(servers, failure_cache_ttl_seconds=seconds)
    for _ in range(2):
        with pytest.raises(ResolveError, match=r"missing\.example has no address: no such name"):
            await resolver.resolve("missing.example")

    assert len(servers.asked) == times


async def test_look_ups_at_once_are_bounded(servers: NameServers) -> None:
    """Names over the limit wait for a thread, and are then looked up."""
    resolver = Resolver(servers)
    waiting = ask(resolver, *(f"hang{number}.example" for number in range(MAX_LOOKUPS + 20)))
    await wait_until(lambda: len(servers.asked) == MAX_LOOKUPS, "as many run as may")
    threads = resolver.threads
    servers.go.set()

    assert all(await asyncio.gather(*waiting))
    assert threads == MAX_LOOKUPS
    assert resolver.threads == 0


@pytest.mark.parametrize("domain", ["evil.example", "evil.co.uk"])
async def test_one_domain_holds_up_no_other(servers: NameServers, domain: str) -> None:
    """However many names of one domain hang, another domain's name is found at once."""
    resolver = Resolver(servers)
    waiting = ask(resolver, *(f"hang{number}.{domain}" for number in range(1000)))
    await wait_until(lambda: len(servers.asked) == MAX_DOMAIN_LOOKUPS, "as many run as may")
    found = await resolver.resolve("good.co.uk")
    threads = resolver.threads
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert found == FOUND
    assert threads == MAX_DOMAIN_LOOKUPS


async def test_what_nobody_waits_for_is_not_looked_up(servers: NameServers) -> None:
    """A name that nobody waits for any more before its turn comes is not asked for."""
    resolver = Resolver(servers)
    first = ask(resolver, *(f"hang{number}.example.com" for number in range(MAX_DOMAIN_LOOKUPS)))
    second = ask(resolver, "gone.example.com", "wanted.example.com")
    await wait_until(lambda: len(servers.asked) == MAX_DOMAIN_LOOKUPS, "as many run as may")
    second[0].cancel()
    await asyncio.wait(second[:1])
    servers.go.set()
    await asyncio.gather(*first, second[1])

    assert "wanted.example.com" in servers.asked
    assert "gone.example.com" not in servers.asked


async def test_a_look_up_that_takes_too_long(servers: NameServers) -> None:
    """A caller waits for the look-up's own timeout alone; the domain then has one at a time."""
    reasons: list[str] = []
    resolver = Resolver(servers, timeout_seconds=0.05, count_failure=reasons.append)
    with pytest.raises(ResolveError, match="name servers do not answer"):
        await resolver.resolve("hang.slow.com")
    with pytest.raises(ResolveError, match="name servers do not answer"):
        await resolver.resolve("hang.slow.com")
    with pytest.raises(ResolveError, match="too many other names"):
        await resolver.resolve("other.slow.com")

    assert resolver.threads == MAX_SLOW_DOMAIN_LOOKUPS
    assert reasons == ["timeout", "failed", "no_room"]
    servers.go.set()
    await wait_until(lambda: resolver.threads == 0, "the thread has ended")
    assert await resolver.resolve("hang.slow.com") == FOUND
    assert await resolver.resolve("other.slow.com") == FOUND
