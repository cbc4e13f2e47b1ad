"""From a destination to a connected socket: look up, judge, connect."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import aiohappyeyeballs

from queue_common.egress.addresses import Address, read_address

from .errors import ConnectError, EgressRefusedError, Progress, ResolveError
from .resolve import at_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from queue_common.egress import EgressGuard

    from .address_health import AddressAttempt
    from .resolve import AddressInfo, Resolver

__all__ = ["Dialer"]

NEXT_ADDRESS_SECONDS = 0.25
"""RFC 8305: an address that has not answered by then gets company by the next."""


class Dialer:
    """Connects to destinations, through the guard where there is one.

    Without a guard it may connect anywhere: to a proxy of the operator's own.
    """

    def __init__(self, resolver: Resolver, guard: EgressGuard | None) -> None:
        self._resolver = resolver
        self._guard = guard

    async def dial(
        self, host: str, port: int, progress: Progress, attempt: AddressAttempt | None = None
    ) -> socket.socket:
        """Return a connected, non-blocking socket.

        All allowed addresses are tried, both families in turn, each 250 ms after the one before or
        as soon as that failed; the first to answer is taken. Only judged addresses are connected
        to, so a name that changes its answer between look-up and connection gains nothing.
        Raises ResolveError, EgressRefusedError, ConnectError, and AddressBusyError if ``attempt``
        does.
        """
        progress.phase = "resolve"
        allowed = await self._allowed(host, port)
        if attempt is not None:
            allowed = attempt.connecting(allowed)
        progress.phase = "connect"
        try:
            sock = await aiohappyeyeballs.start_connection(
                allowed, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1
            )
        except OSError as error:
            # Where several addresses failed in several ways, no one number tells how.
            reason = os.strerror(error.errno) if error.errno else str(error)
            msg = f"cannot connect to {host}:{port}: {reason}"
            raise ConnectError(msg) from error
        if attempt is not None:
            attempt.connected(sock)
        return sock

    async def _allowed(self, host: str, port: int) -> Sequence[AddressInfo]:
        if "%" in host:
            msg = f"{host}: an address with a zone, or a name with an escape, is never delivered to"
            raise EgressRefusedError(msg)
        found = [at_port(info, port) for info in await self._resolver.resolve(host)]
        if self._guard is None:
            return found
        protected = await self._protected(self._guard, port)
        reasons = [self._guard.reason_against(host, info[4][0], protected) for info in found]
        allowed = [info for info, reason in zip(found, reasons, strict=True) if reason is None]
        if not allowed:
            raise EgressRefusedError(reasons[0] or f"{host} has no address")
        return allowed

    async def _protected(self, guard: EgressGuard, port: int) -> frozenset[Address]:
        hosts = guard.protected_hosts(port)
        if not hosts:
            return frozenset()
        answers = await asyncio.gather(*map(self._addresses_of, hosts))
        return frozenset(address for answer in answers for address in answer)

    async def _addresses_of(self, host: str) -> list[Address]:
        try:
            return [read_address(info[4][0]) for info in await self._resolver.resolve(host)]
        except ResolveError:
            # What has no address cannot be reached by it either.
            return []
