"""Limits attempts at addresses that hang. One host may appear as any number of destinations."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from ..errors import AddressBusyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from ..pool import Destination
    from .lookup import AddressInfo

__all__ = ["AddressAttempt", "AddressHealth"]

TIMEOUTS_TO_HANG = 5
MAX_ATTEMPTS_WHILE_HANGING = 8
"""More than one: if some services of a host hang, its others are still tried."""
MAX_ADDRESSES = 10_000
MAX_DESTINATIONS = 10_000
MAPPED = bytes(10) + b"\xff\xff"
"""The first bytes of an IPv6 address that contains an IPv4 one."""


class _Address:
    """Attempts and timeouts of an address."""

    __slots__ = ("attempts", "timeouts")

    def __init__(self) -> None:
        self.attempts = 0
        """Current attempts over new connections."""
        self.timeouts = 0
        """Timeouts in a row."""


class AddressHealth:
    """Limits the concurrent attempts of a process at addresses that hang.

    An address hangs after five timeouts in a row. It then gets at most eight attempts at a time,
    until one gets a response. Destinations that have responded over a new connection are exempt.
    Only new connections count: a kept one shows that the address responds. At most 10,000 addresses
    and 10,000 destinations are stored.
    """

    def __init__(self) -> None:
        self._addresses: dict[str, _Address] = {}
        self._proven: dict[Destination, None] = {}

    def attempt(self, destination: Destination) -> AddressAttempt:
        """Return the context manager of an attempt over a new connection."""
        return AddressAttempt(self, destination)

    def admit(self, destination: Destination, found: Sequence[AddressInfo]) -> list[AddressInfo]:
        """Return the addresses that may be connected to now. Raises AddressBusyError for none."""
        if destination in self._proven:
            return list(found)
        admitted = [info for info in found if not self._is_busy(key_of(info[4][0]))]
        if not admitted:
            msg = f"{destination.host} hangs, and has as many attempts as are allowed"
            raise AddressBusyError(msg)
        return admitted

    def _is_busy(self, key: str) -> bool:
        address = self._addresses.get(key)
        return (
            address is not None
            and address.timeouts >= TIMEOUTS_TO_HANG
            and address.attempts >= MAX_ATTEMPTS_WHILE_HANGING
        )

    def enter(self, key: str) -> None:
        """Count an attempt at an address."""
        address = self._addresses.get(key)
        if address is None:
            address = self._addresses[key] = _Address()
            if len(self._addresses) > MAX_ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
        address.attempts += 1

    def leave(self, key: str, *, timed_out: bool | None) -> None:
        """Count the end of an attempt. ``timed_out``: False after a response, None if unknown."""
        address = self._addresses.get(key)
        if address is None:
            return
        address.attempts = max(address.attempts - 1, 0)
        if timed_out is not None:
            address.timeouts = address.timeouts + 1 if timed_out else 0
        if not address.attempts and not address.timeouts:
            del self._addresses[key]

    def prove(self, destination: Destination) -> None:
        """Mark a destination as responding."""
        self._proven.pop(destination, None)
        self._proven[destination] = None
        if len(self._proven) > MAX_DESTINATIONS:
            del self._proven[next(iter(self._proven))]

    def doubt(self, destination: Destination) -> None:
        """Remove the mark of a destination that timed out."""
        self._proven.pop(destination, None)


class AddressAttempt:
    """One attempt over a new connection."""

    def __init__(self, health: AddressHealth, destination: Destination) -> None:
        self._health = health
        self._destination = destination
        self._keys: list[str] = []

    def connecting(self, found: Sequence[AddressInfo]) -> list[AddressInfo]:
        """Return the addresses that may be connected to now. Raises AddressBusyError for none."""
        admitted = self._health.admit(self._destination, found)
        self._keys = list({key_of(info[4][0]): None for info in admitted})
        for key in self._keys:
            self._health.enter(key)
        return admitted

    def connected(self, sock: socket.socket) -> None:
        """Count the attempt for the address that was connected to."""
        peer = key_of(sock.getpeername()[0])
        for key in self._keys:
            if key != peer:
                self._health.leave(key, timed_out=None)
        self._keys = [peer] if peer in self._keys else []

    def __enter__(self) -> AddressAttempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        # The caller's deadline cancels an attempt.
        timed_out = None if kind else False
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            timed_out = True
            self._health.doubt(self._destination)
        elif kind is None:
            self._health.prove(self._destination)
        for key in self._keys:
            self._health.leave(key, timed_out=timed_out)


def key_of(address: str) -> str:
    """Return the key by which an address is counted: for IPv6 its /64, which one host may own."""
    if ":" not in address:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    mapped = packed[:12] == MAPPED
    return ".".join(map(str, packed[12:])) if mapped else packed[:8].hex(":", 2) + "::/64"
