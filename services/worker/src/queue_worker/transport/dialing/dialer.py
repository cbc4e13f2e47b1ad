"""Connects to a destination: look-up, egress guard, connection."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import aiohappyeyeballs

from queue_common.egress.addresses import Address, read_address
from queue_common.egress.own import is_own_address

from ..errors import ConnectError, EgressRefusedError, Progress, ResolveError
from .lookup import at_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from queue_common.egress import EgressGuard

    from .address_health import AddressAttempt
    from .lookup import AddressInfo
    from .resolver import Resolver

__all__ = ["Dialer", "address_of"]

NEXT_ADDRESS_DELAY_SECONDS = 0.25
"""Connection attempt delay of RFC 8305: the next address is tried after this time."""


class Dialer:
    """Connects to destinations that the guard allows.

    Without a guard it connects to any address, which is only for the operator's own proxies.
    """

    def __init__(
        self,
        resolver: Resolver,
        guard: EgressGuard | None,
        is_own: Callable[[str], bool] = is_own_address,
    ) -> None:
        """``is_own`` returns whether an address is one of this machine's."""
        self._resolver = resolver
        self._guard = guard
        self._is_own = is_own

    async def dial(
        self, host: str, port: int, progress: Progress, attempt: AddressAttempt | None = None
    ) -> socket.socket:
        """Return a connected, non-blocking socket.

        All allowed addresses are tried, both families in turn, each 250 ms after the previous one
        or as soon as that has failed. The first one that accepts is used. Only addresses that the
        guard has judged are connected to, so a name cannot change its address after the check.
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
                allowed, happy_eyeballs_delay=NEXT_ADDRESS_DELAY_SECONDS, interleave=1
            )
        except OSError as error:
            # If addresses failed in different ways, there is no single error number.
            reason = os.strerror(error.errno) if error.errno else str(error)
            msg = f"cannot connect to {host}:{port}: {reason}"
            raise ConnectError(msg) from error
        try:
            self._check_peer(host, sock)
        except EgressRefusedError:
            sock.close()
            raise
        if attempt is not None:
            attempt.connected(sock)
        return sock

    def is_internal(self, host: str, sock: socket.socket) -> bool:
        """Return whether EGRESS_ALLOW lists the address that ``sock`` is connected to."""
        try:
            peer = str(sock.getpeername()[0])
        except OSError:
            return False
        return self._guard is not None and self._guard.lists(host, peer)

    def _check_peer(self, host: str, sock: socket.socket) -> None:
        """Refuse a connection from this machine to itself, before any byte is sent."""
        try:
            peer = str(sock.getpeername()[0])
        except OSError:
            # The connection is closed already; the first write will fail.
            return
        if self._guard is None or peer != sock.getsockname()[0] or self._guard.lists(host, peer):
            return
        raise EgressRefusedError(_own_address_reason(host, peer))

    async def _allowed(self, host: str, port: int) -> Sequence[AddressInfo]:
        if "%" in host:
            msg = f"{host}: an address with a zone, or a name with an escape, is never delivered to"
            raise EgressRefusedError(msg)
        found = [at_port(info, port) for info in await self._resolver.resolve(host)]
        if self._guard is None:
            return found
        protected = await self._protected(self._guard, port)
        reasons = [self._denial_reason(self._guard, host, info[4][0], protected) for info in found]
        allowed = [info for info, reason in zip(found, reasons, strict=True) if reason is None]
        if not allowed:
            raise EgressRefusedError(reasons[0] or f"{host} has no address")
        return allowed

    def _denial_reason(
        self, guard: EgressGuard, host: str, address: str, protected: frozenset[Address]
    ) -> str | None:
        reason = guard.denial_reason(host, address, protected)
        if reason is None and self._is_own(address) and not guard.lists(host, address):
            return _own_address_reason(host, address)
        return reason

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
            # A host without an address cannot be reached by one.
            return []


def address_of(sock: socket.socket) -> str | None:
    """Return ``address:port`` of what a socket is connected to; None: it is closed again."""
    try:
        host, port, *_ = sock.getpeername()
    except OSError:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _own_address_reason(host: str, address: str) -> str:
    shown = address if host == address else f"{host} ({address})"
    return f"{shown} is an address of the worker's own machine, and not listed in EGRESS_ALLOW"
