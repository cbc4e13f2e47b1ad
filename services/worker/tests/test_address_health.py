"""One host that hangs and poses as many destinations."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from queue_common.task import Outcome
from queue_testing import wait_until
from queue_testing.attempts import attempt
from queue_testing.network.socket_server import Peer, SocketServer
from queue_worker.transport import AddressBusyError, HttpClient
from queue_worker.transport.dialing.address_health import (
    MAX_ADDRESSES,
    MAX_ATTEMPTS_WHILE_HANGING,
    TIMEOUTS_TO_HANG,
    AddressHealth,
    key_of,
)
from queue_worker.transport.pool import Destination


async def _hang(peer: Peer) -> None:
    await peer.hold()


async def _respond(peer: Peer) -> None:
    await peer.request()
    await peer.respond()


async def _time_out(transport: HttpClient, server: SocketServer, times: int) -> None:
    results = [await attempt(transport, server.url, timeout_seconds=0.1) for _ in range(times)]
    assert {result.outcome for result in results} == {Outcome.TIMEOUT}


async def test_address_that_hangs_is_tried_eight_times_at_once(transport: HttpClient) -> None:
    """After five timeouts in a row it takes eight attempts, under whatever port they come."""
    async with AsyncExitStack() as stack:
        hanging, other = [await stack.enter_async_context(SocketServer(_hang)) for _ in range(2)]
        await _time_out(transport, hanging, TIMEOUTS_TO_HANG)
        under_way = [
            asyncio.create_task(attempt(transport, server.url, timeout_seconds=30))
            for server in (hanging, other) * (MAX_ATTEMPTS_WHILE_HANGING // 2)
        ]
        await wait_until(
            lambda: (
                hanging.connections + other.connections
                == TIMEOUTS_TO_HANG + MAX_ATTEMPTS_WHILE_HANGING
            ),
            "all are connected",
        )
        for server in (hanging, other):
            with pytest.raises(AddressBusyError):
                await attempt(transport, server.url)
        under_way[0].cancel()
        await asyncio.wait(under_way[:1])
        await _time_out(transport, other, 1)
        for task in under_way:
            task.cancel()
        await asyncio.wait(under_way)


async def test_timeouts_at_one_port_do_not_stop_another_that_responds(
    transport: HttpClient,
) -> None:
    """A destination that has responded is connected to, however its neighbours hang."""
    async with SocketServer(_hang) as hanging, SocketServer(_respond) as good:
        assert (await attempt(transport, good.url)).outcome is Outcome.DELIVERED
        await _time_out(transport, hanging, TIMEOUTS_TO_HANG)
        under_way = [
            asyncio.create_task(attempt(transport, hanging.url, timeout_seconds=30))
            for _ in range(MAX_ATTEMPTS_WHILE_HANGING)
        ]
        await wait_until(
            lambda: hanging.connections == TIMEOUTS_TO_HANG + MAX_ATTEMPTS_WHILE_HANGING,
            "all are connected",
        )
        assert (await attempt(transport, good.url)).outcome is Outcome.DELIVERED
        for task in under_way:
            task.cancel()
        await asyncio.wait(under_way)


async def test_a_response_ends_the_doubt(transport: HttpClient) -> None:
    """After a response an address takes any number of attempts again."""
    async with SocketServer(_hang) as hanging, SocketServer(_respond) as good:
        await _time_out(transport, hanging, TIMEOUTS_TO_HANG)
        assert (await attempt(transport, good.url)).outcome is Outcome.DELIVERED
        many = 2 * MAX_ATTEMPTS_WHILE_HANGING
        under_way = [
            asyncio.create_task(attempt(transport, hanging.url, timeout_seconds=30))
            for _ in range(many)
        ]
        await wait_until(
            lambda: hanging.connections == TIMEOUTS_TO_HANG + many, "all are connected"
        )
        for task in under_way:
            task.cancel()
        await asyncio.wait(under_way)


def test_what_is_known_of_addresses_is_bounded() -> None:
    """Of addresses and destinations the last 10,000 are remembered, and healthy ones not at all."""
    health = AddressHealth()
    for number in range(MAX_ADDRESSES + 10):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        destination = Destination("http", address, number)
        health.prove(destination)
        health.enter(address)
        health.leave(address, timed_out=number % 2 == 0)
        health.enter(f"{address}!")

    assert len(health._addresses) == MAX_ADDRESSES
    assert len(health._proven) == MAX_ADDRESSES


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::3", "2001:0db8:0001:0002::/64"),
        ("fe80::1%lo", "fe80:0000:0000:0000::/64"),
    ],
)
def test_addresses_of_one_host_count_as_one(address: str, key: str) -> None:
    """IPv6 counts by networks of 64 bits, an embedded IPv4 address as itself."""
    assert key_of(address) == key
