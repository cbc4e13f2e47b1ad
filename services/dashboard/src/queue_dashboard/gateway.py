"""The API as the dashboard uses it: one connection pool, a client for each caller, shared reads."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from queue_client import (
    AsyncQueueClient,
    LanePage,
    Me,
    QueueClientError,
    RetryPolicy,
    Stats,
    UnavailableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from queue_client.call import Call

    from .settings import DashboardSettings

__all__ = ["Caller", "Gateway"]

T = TypeVar("T")
ME_SECONDS = 15.0
"""A scope withdrawn is offered this much longer; the API itself refuses it at once."""
STATS_SECONDS = 2.0
"""However many pages are open, the API computes the overview this often for a caller."""
MAX_CACHED = 300
READ_SECONDS = 4.0
"""A page that an API does not answer shows the problem after this time."""
WRITE_SECONDS = 10.0


class Caller(NamedTuple):
    """Who asks the API, and for which project."""

    token: str | None
    project: str | None


class _Client(AsyncQueueClient):
    """A client whose calls have a time for all their tries: a user waits for them."""

    async def call(self, call: Call[T]) -> T:
        """Make a call; raises UnreachableError if its time is over."""
        seconds = READ_SECONDS if call.method == "GET" else WRITE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                return await super().call(call)
        except TimeoutError as error:
            msg = f"no answer within {seconds:g} s"
            raise UnreachableError(msg) from error


class Gateway:
    """Gives each caller a client, and shares between pages what may be a moment old."""

    def __init__(self, settings: DashboardSettings) -> None:
        # No token of the process' own environment may stand in for a user who has none.
        self._client = _Client(
            settings.dashboard_api_url, token="", project="", timeout=WRITE_SECONDS,
            retry=RetryPolicy(max_retries=1, max_retry_after=1.0),
        )  # fmt: skip
        self._cached: dict[tuple[str, Caller], tuple[float, asyncio.Task[Any]]] = {}

    def client(self, caller: Caller) -> AsyncQueueClient:
        """Return the caller's client."""
        return self._client.with_options(token=caller.token, project=caller.project)

    async def api_answers(self) -> bool:
        """Whether the API can be reached, and has its Redis."""
        try:
            await self._client.ready()
        except QueueClientError as error:
            return not isinstance(error, (UnavailableError, UnreachableError))
        return True

    async def me(self, caller: Caller) -> Me:
        """Return who the caller is; raises AuthenticationError if the API knows no such key."""
        return await self.shared("me", caller, ME_SECONDS, lambda: self.client(caller).me())

    async def stats(self, caller: Caller) -> Stats:
        """Return the overview, up to 2 s old."""
        read = self.client(caller).stats
        return await self.shared("stats", caller, STATS_SECONDS, lambda: read())

    async def lanes(self, caller: Caller, limit: int) -> LanePage:
        """Return the first lanes, those in trouble first; up to 2 s old."""
        list_lanes = self.client(caller).list_lanes
        return await self.shared(
            f"lanes {limit}", caller, STATS_SECONDS, lambda: list_lanes(sort="trouble", limit=limit)
        )

    async def shared(
        self, what: str, caller: Caller, seconds: float, read: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """Return what was read in the last ``seconds``; all who ask meanwhile share one call.

        ``what`` names the read, its arguments included.
        """
        now = time.monotonic()
        read_at, task = self._cached.get((what, caller), (-seconds, None))
        failed = task is not None and task.done() and (task.cancelled() or task.exception())
        if task is None or failed or now - read_at > seconds:
            self._forget_old(now)
            task = asyncio.create_task(read())
            self._cached[what, caller] = (now, task)
        return cast("T", await asyncio.shield(task))

    def _forget_old(self, now: float) -> None:
        if len(self._cached) < MAX_CACHED:
            return
        self._cached = {
            key: entry for key, entry in self._cached.items() if now - entry[0] <= ME_SECONDS
        }
        while len(self._cached) >= MAX_CACHED:
            self._cached.pop(next(iter(self._cached)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
