"""The egress guard: which addresses a delivery may connect to. Pure: no I/O."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .addresses import (
    LOOPBACK,
    NEVER,
    Address,
    Network,
    contains,
    is_special,
    is_transparent,
    read_address,
    spellings,
    written_address,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = ["EgressGuard", "Rules"]

_SUFFIX = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
# No name ends in a number. An entry that does is meant as an address (the URL standard's rule).
_ADDRESS_LIKE = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")


@dataclass(frozen=True, slots=True)
class Rules:
    """One of the two lists, EGRESS_ALLOW or EGRESS_DENY."""

    networks: tuple[Network, ...] = ()
    suffixes: tuple[str, ...] = ()
    """Names without leading or trailing dot. Each matches itself and all names below it."""

    @classmethod
    def read(cls, text: str) -> Rules:
        """Read addresses, CIDRs and host suffixes, separated by commas or blanks.

        Raises ValueError, which names the entry and the reason.
        """
        networks: list[Network] = []
        suffixes: list[str] = []
        for entry in text.replace(",", " ").split():
            if "/" in entry or ":" in entry or _ADDRESS_LIKE.fullmatch(entry.lower()):
                networks.append(_network(entry))
            else:
                suffixes.append(_suffix(entry))
        return cls(tuple(networks), tuple(suffixes))

    def names(self, host: str) -> bool:
        """Return whether a suffix matches ``host``. Case and a trailing dot do not matter."""
        name = host.lower().rstrip(".")
        return any(name == suffix or name.endswith(f".{suffix}") for suffix in self.suffixes)

    def holds(self, forms: Iterable[Address]) -> bool:
        """Return whether one of the networks contains one of an address' spellings."""
        return any(contains(self.networks, form) for form in forms)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        msg = f"{entry!r} is no address or CIDR: {error}"
        raise ValueError(msg) from error


def _suffix(entry: str) -> str:
    name = entry.lower().removeprefix("*").removeprefix(".").rstrip(".")
    if not _SUFFIX.fullmatch(name):
        msg = f"{entry!r} is neither a CIDR nor a host suffix such as .example.com (ASCII form)"
        raise ValueError(msg)
    return name


@dataclass(frozen=True, slots=True)
class EgressGuard:
    """Judges the address that is about to be connected to, never the name alone.

    1. Link-local and cloud-metadata addresses are refused, whatever the lists say.
    2. So is the queue's own infrastructure: ``protected`` hosts, by port.
    3. What ``deny`` lists is refused.
    4. What ``allow`` lists is allowed.
    5. Of the rest, public addresses are allowed and all others are refused.

    An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo and so on) is judged too.
    """

    allow: Rules
    deny: Rules
    protected: Mapping[int, tuple[str, ...]]
    """Hosts that are never delivered to, by port: Redis, the cluster's API server."""
    found: Collection[tuple[str, int]] = ()
    """More of them, found while the process runs: the Redis servers that Sentinels name."""

    @classmethod
    def from_settings(
        cls,
        *,
        allow: str = "",
        deny: str = "",
        protected: Iterable[tuple[str, int]] = (),
        found: Collection[tuple[str, int]] = (),
    ) -> EgressGuard:
        """Return the guard that the variables describe.

        ``found`` may grow while the guard is in use. Raises ValueError, which names the entry.
        """
        by_port: dict[int, tuple[str, ...]] = {}
        for host, port in protected:
            by_port[port] = (*by_port.get(port, ()), host)
        allowed = Rules.read(allow)
        for network in allowed.networks:
            _check_possible(network)
        return cls(allowed, Rules.read(deny), by_port, found)

    def protected_hosts(self, port: int) -> tuple[str, ...]:
        """Return the hosts that are never delivered to at this port."""
        found = (host for host, at in self.found if at == port)
        return (*self.protected.get(port, ()), *found)

    def denial_reason(
        self, host: str, address: str, protected: frozenset[Address] = frozenset()
    ) -> str | None:
        """Return why ``host`` at ``address`` must not be connected to; None if it may be.

        ``protected``: the addresses of this port's protected hosts, which the caller looks up.
        """
        forms = spellings(read_address(address))
        if any(contains(NEVER, form) for form in forms):
            return f"{address} is a link-local or cloud-metadata address: never delivered to"
        if any(_is_protected(form, protected) for form in forms):
            return (
                f"{address} at this port is part of the queue's own infrastructure: "
                "never delivered to"
            )
        if self.deny.names(host) or self.deny.holds(forms):
            return f"{_shown(host, address)} is listed in EGRESS_DENY"
        if self.allow.names(host) or self._admits(forms):
            return None
        return f"{_shown(host, address)} is not public, and not listed in EGRESS_ALLOW"

    def lists(self, host: str, address: str) -> bool:
        """Return whether EGRESS_ALLOW lists ``host`` or ``address`` itself.

        If packets to the address go to an IPv4 address inside it, only the latter counts.
        """
        first, *inside = spellings(read_address(address))
        meant = inside if is_transparent(first) else [first]
        return self.allow.names(host) or all(contains(self.allow.networks, form) for form in meant)

    def lists_written(self, host: str) -> bool:
        """Return the same for a host that is not looked up: a name, or an address."""
        written = written_address(host)
        return self.lists(host, written[0]) if written else self.allow.names(host)

    def _admits(self, forms: tuple[Address, ...]) -> bool:
        listed = self.allow.networks
        # A listed network covers the address as written. But ::/0 does not cover an address that
        # only wraps an IPv4 address: the one inside has to be public, or listed too.
        if not is_transparent(forms[0]) and contains(listed, forms[0]):
            return True
        return all(not is_special(form) or contains(listed, form) for form in forms)

    def name_denial_reason(self, host: str, port: int) -> str | None:
        """Return why ``host`` is refused whatever its addresses; None if only a look-up can tell.

        Covers protected names, names in ``deny``, addresses in any spelling, and ``localhost``.
        """
        name = host.lower().rstrip(".")
        if any(name == other.lower().rstrip(".") for other in self.protected_hosts(port)):
            return f"{host}:{port} is part of the queue's own infrastructure: never delivered to"
        if self.deny.names(host):
            return f"{host} is listed in EGRESS_DENY"
        written = ("127.0.0.1", "::1") if name == "localhost" else written_address(host)
        reasons = [self.denial_reason(host, address) for address in written]
        return reasons[0] if reasons and None not in reasons else None


def _check_possible(network: Network) -> None:
    for never in NEVER:
        if network.version == never.version and network.subnet_of(never):  # type: ignore[arg-type]
            msg = f"{str(network)!r} is link-local or cloud metadata, which is never allowed"
            raise ValueError(msg)


def _is_protected(form: Address, protected: frozenset[Address]) -> bool:
    if form in protected:
        return True
    # A server on one loopback address mostly listens on all of them, and 0.0.0.0 reaches it too.
    local = contains(LOOPBACK, form) or form.is_unspecified
    return local and any(contains(LOOPBACK, other) for other in protected)


def _shown(host: str, address: str) -> str:
    return address if host == address else f"{host} ({address})"
