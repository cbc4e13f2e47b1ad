"""Looks up names in threads: one look-up per name at a time, cached for 30 s."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..errors import ResolveError
from .lookup import numeric, registrable_domain, system_lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .lookup import AddressInfo

__all__ = ["Resolver", "ignore_failure"]

CACHE_TTL_SECONDS = 30.0
FAILURE_CACHE_TTL_SECONDS = 3.0
CACHE_SIZE = 10_000
TIMEOUT_SECONDS = 5.0
MAX_LOOKUPS = 128
"""Max threads. A name server that hangs occupies one until the system's resolver gives up."""
MAX_DOMAIN_LOOKUPS = 8
"""Max concurrent look-ups of names in one registrable domain, because a domain has one owner."""
MAX_SLOW_DOMAIN_LOOKUPS = 1
"""The same for a domain after a timeout, until one of its names is found."""
MAX_PENDING = 10_000
TOO_MANY_LOOKUPS = "too many other names are being looked up"

_Result: TypeAlias = "Sequence[AddressInfo] | Exception"


def ignore_failure(_reason: str) -> None:
    """Do nothing with the reason."""


class Resolver:
    """Looks up names in its own threads, by the system's resolver.

    asyncio's pool has few threads, and uvloop's has four: a few name servers that hang would block
    all other look-ups there. The threads are daemons, so a look-up that hangs does not delay the
    process' end.

    A look-up cannot be interrupted, so its thread may run longer than any caller waits. Therefore
    the threads per domain are limited, and waiting domains take turns.
    """

    def __init__(
        self,
        lookup: Callable[[str], Sequence[AddressInfo]] = system_lookup,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        cache_ttl_seconds: float = CACHE_TTL_SECONDS,
        failure_cache_ttl_seconds: float = FAILURE_CACHE_TTL_SECONDS,
        count_failure: Callable[[str], None] = ignore_failure,
    ) -> None:
        """``count_failure`` gets the reason of each failure: failed, timeout or no_room."""
        self._lookup = lookup
        self._timeout_seconds = timeout_seconds
        self._cache_ttl_seconds = cache_ttl_seconds
        self._failure_cache_ttl_seconds = failure_cache_ttl_seconds
        self._count_failure = count_failure
        self._cache: dict[str, tuple[float, _Result]] = {}
        self._pending: dict[str, _Lookup] = {}
        # Names that wait for a thread, by domain. The first domain has the next turn.
        self._waiting: dict[str, deque[_Lookup]] = {}
        self._running: Counter[str] = Counter()
        self._slow_domains: dict[str, None] = {}
        self.threads = 0
        """Running look-ups, including those without a waiting caller."""

    async def resolve(self, host: str) -> Sequence[AddressInfo]:
        """Return the addresses of ``host``, all with port 0.

        A result is cached for 30 s, a failure for 3 s. Concurrent callers share one look-up, and
        cancelling one of them does not affect the others. Raises ResolveError.
        """
        if (written := numeric(host)) is not None:
            return written
        known = self._cache.get(host)
        if known is not None and known[0] > asyncio.get_running_loop().time():
            return self._read(host, known[1])
        lookup = self._pending.get(host) or self._ask(host)
        lookup.callers += 1
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await asyncio.shield(lookup.result)
        except TimeoutError:
            raise self._timed_out(lookup) from None
        finally:
            lookup.callers -= 1
            if not lookup.callers:
                self._drop_if_unused(lookup)
        return self._read(host, result)

    def _timed_out(self, lookup: _Lookup) -> ResolveError:
        if not lookup.runs:
            return self._failure(lookup.host, "no_room", TOO_MANY_LOOKUPS)
        _put(self._slow_domains, lookup.domain, None)
        self._cache_result(lookup, TimeoutError("its name servers do not answer"))
        return self._failure(lookup.host, "timeout", "its name servers do not answer")

    def _read(self, host: str, result: _Result) -> Sequence[AddressInfo]:
        if isinstance(result, OSError | UnicodeError):
            reason = str(getattr(result, "strerror", None) or result)
            raise self._failure(host, "failed", reason) from result
        if isinstance(result, Exception):
            raise result
        return result

    def _failure(self, host: str, kind: str, reason: str) -> ResolveError:
        self._count_failure(kind)
        return ResolveError(f"{host} has no address: {reason}")

    def _ask(self, host: str) -> _Lookup:
        if len(self._pending) >= MAX_PENDING:
            raise self._failure(host, "no_room", TOO_MANY_LOOKUPS)
        lookup = self._pending[host] = _Lookup(host)
        self._waiting.setdefault(lookup.domain, deque()).append(lookup)
        self._start_next(lookup.domain)
        return lookup

    def _drop_if_unused(self, lookup: _Lookup) -> None:
        """Drop a look-up without callers, unless it is running already."""
        waiting = self._waiting.get(lookup.domain)
        if lookup.runs or waiting is None:
            return
        waiting.remove(lookup)
        if not waiting:
            del self._waiting[lookup.domain]
        del self._pending[lookup.host]

    def _start_waiting(self) -> None:
        """Start as many look-ups as the limits allow, one domain after the other."""
        for domain in tuple(self._waiting):
            if self.threads >= MAX_LOOKUPS:
                return
            self._start_next(domain)

    def _start_next(self, domain: str) -> None:
        slow = domain in self._slow_domains
        limit = MAX_SLOW_DOMAIN_LOOKUPS if slow else MAX_DOMAIN_LOOKUPS
        if self.threads >= MAX_LOOKUPS or self._running.get(domain, 0) >= limit:
            return
        waiting = self._waiting.pop(domain)
        self._start(waiting.popleft())
        if waiting:
            self._waiting[domain] = waiting

    def _start(self, lookup: _Lookup) -> None:
        lookup.runs = True
        self.threads += 1
        self._running[lookup.domain] += 1
        name = f"resolve {lookup.host}"
        try:
            threading.Thread(target=self._run, args=(lookup,), name=name, daemon=True).start()
        except RuntimeError as error:
            # The machine or container has no thread left: treat it as a failed look-up.
            lookup.result.get_loop().call_soon(self._ended, lookup, OSError(str(error)))

    def _run(self, lookup: _Lookup) -> None:
        result: _Result
        try:
            result = self._lookup(lookup.host)
        except Exception as error:
            result = error
        # The loop may be closed by now. Then nobody waits for the result.
        with contextlib.suppress(RuntimeError):
            lookup.result.get_loop().call_soon_threadsafe(self._ended, lookup, result)

    def _ended(self, lookup: _Lookup, result: _Result) -> None:
        self.threads -= 1
        self._running[lookup.domain] -= 1
        if not self._running[lookup.domain]:
            del self._running[lookup.domain]
        del self._pending[lookup.host]
        if lookup.callers and not isinstance(result, Exception):
            self._slow_domains.pop(lookup.domain, None)
        self._cache_result(lookup, result)
        lookup.result.set_result(result)
        self._start_waiting()

    def _cache_result(self, lookup: _Lookup, result: _Result) -> None:
        failed = isinstance(result, Exception)
        seconds = self._failure_cache_ttl_seconds if failed else self._cache_ttl_seconds
        _put(self._cache, lookup.host, (lookup.result.get_loop().time() + seconds, result))


class _Lookup:
    """A look-up that runs or waits for a thread."""

    __slots__ = ("callers", "domain", "host", "result", "runs")

    def __init__(self, host: str) -> None:
        self.host = host
        self.domain = registrable_domain(host)
        self.result: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self.callers = 0
        self.runs = False


_Value = TypeVar("_Value")


def _put(names: dict[str, _Value], name: str, value: _Value) -> None:
    """Store a value as the latest, and remove the oldest one if there are too many."""
    names.pop(name, None)
    names[name] = value
    if len(names) > CACHE_SIZE:
        del names[next(iter(names))]
