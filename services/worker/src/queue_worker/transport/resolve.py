"""Names to addresses: beside the loop, each name once at a time, remembered for 30 s."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeAlias, cast

from .errors import ResolveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["AddressInfo", "Resolver", "at_port", "numeric", "system_lookup"]

REMEMBERED_SECONDS = 30.0
REMEMBERED_NAMES = 10_000
LOOKUPS_AT_ONCE = 128
"""A name server that hangs holds a thread for as long as the system's resolver is patient."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
AddressInfo = tuple[int, int, int, str, SocketAddress]
"""As getaddrinfo gives it: family, kind, protocol, canonical name, socket address."""
_Answer: TypeAlias = "asyncio.Future[Sequence[AddressInfo]]"


def system_lookup(host: str) -> list[AddressInfo]:
    """Ask the system (hosts file, DNS, whatever it is set to); blocks. Raises OSError."""
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    return cast("list[AddressInfo]", found)


class Resolver:
    """Looks names up in threads of its own.

    asyncio's pool has few threads and uvloop's four for the whole process: a handful of names
    whose servers hang would hold up all others there. The threads are daemons, so that a look-up
    that hangs does not hold up the process' end either.
    """

    def __init__(
        self,
        lookup: Callable[[str], Sequence[AddressInfo]] = system_lookup,
        *,
        remembered_seconds: float = REMEMBERED_SECONDS,
    ) -> None:
        self._lookup = lookup
        self._remembered_seconds = remembered_seconds
        self._known: dict[str, tuple[float, Sequence[AddressInfo]]] = {}
        self._pending: dict[str, _Answer] = {}
        self._waiting: deque[str] = deque()
        self._running = 0

    async def resolve(self, host: str) -> Sequence[AddressInfo]:
        """Return the addresses of ``host``, all with port 0.

        An answer serves for 30 s; who asks meanwhile shares it, and a caller that is cancelled
        takes nothing from the others. Raises ResolveError.
        """
        if (written := numeric(host)) is not None:
            return written
        loop = asyncio.get_running_loop()
        known = self._known.get(host)
        if known is not None and known[0] > loop.time():
            return known[1]
        pending = self._pending.get(host) or self._ask(host, loop)
        try:
            return await asyncio.shield(pending)
        except (OSError, UnicodeError) as error:
            msg = f"{host} has no address: {getattr(error, 'strerror', None) or error}"
            raise ResolveError(msg) from error

    def _ask(self, host: str, loop: asyncio.AbstractEventLoop) -> _Answer:
        answer: _Answer = loop.create_future()
        self._pending[host] = answer
        if self._running < LOOKUPS_AT_ONCE:
            self._start(host, answer)
        else:
            self._waiting.append(host)
        return answer

    def _start(self, host: str, answer: _Answer) -> None:
        self._running += 1
        thread = threading.Thread(
            target=self._run, args=(host, answer), name=f"resolve {host}", daemon=True
        )
        thread.start()

    def _run(self, host: str, answer: _Answer) -> None:
        result: Sequence[AddressInfo] | Exception
        try:
            result = self._lookup(host)
        except Exception as error:
            result = error
        # The loop may have ended meanwhile: then nobody asks any more.
        with contextlib.suppress(RuntimeError):
            answer.get_loop().call_soon_threadsafe(self._ended, host, answer, result)

    def _ended(self, host: str, answer: _Answer, result: Sequence[AddressInfo] | Exception) -> None:
        self._running -= 1
        del self._pending[host]
        if self._waiting:
            following = self._waiting.popleft()
            self._start(following, self._pending[following])
        if isinstance(result, Exception):
            answer.set_exception(result)
            # Whoever asked may have been cancelled; asyncio would report it as never retrieved.
            answer.exception()
            return
        answer.set_result(result)
        self._known.pop(host, None)
        self._known[host] = (answer.get_loop().time() + self._remembered_seconds, result)
        if len(self._known) > REMEMBERED_NAMES:
            del self._known[next(iter(self._known))]


def numeric(host: str) -> list[AddressInfo] | None:
    """Read an address in any spelling the system knows, without asking anybody."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return cast("list[AddressInfo]", found)


def at_port(info: AddressInfo, port: int) -> AddressInfo:
    """Return ``info`` with its socket address at ``port``."""
    family, kind, protocol, name, (host, _, *rest) = info
    return family, kind, protocol, name, cast("SocketAddress", (host, port, *rest))
