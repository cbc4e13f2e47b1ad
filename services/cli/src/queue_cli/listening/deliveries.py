"""A listener's deliveries, over connections that may break."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from queue_client import (
    LimitExceededError,
    NotFoundError,
    UnavailableError,
    UnreachableError,
)

from ..output import note

if TYPE_CHECKING:
    from queue_client import AsyncQueueClient, Delivery, Listener, QueueClientError

__all__ = ["Deliveries"]

WAIT = "20s"
FIRST_DELAY, MAX_DELAY = 0.5, 10.0
PASSING = (UnreachableError, UnavailableError, LimitExceededError)


class Deliveries:
    """Takes one delivery after the other until it is told to end.

    While the API is away it tries again, and says so once. A listener that was away too long is
    gone: then it is made anew. Without an outage it was replaced by another one, which keeps it.
    """

    def __init__(self, client: AsyncQueueClient, where: dict[str, str], listener: Listener) -> None:
        self.listener = listener
        self._client = client
        self._where = where
        self._delay = FIRST_DELAY
        self._away = False

    async def next(self) -> Delivery | None:
        """Return the next delivery; None if none came in a while."""
        try:
            delivery = await self._client.next_delivery(self.listener.id, wait=WAIT)
        except PASSING as error:
            await self._wait(error)
            return None
        except NotFoundError:
            if not self._away:
                raise
            await self._renew()
            return None
        if self._away:
            self._back()
        return delivery

    async def _renew(self) -> None:
        try:
            self.listener = await self._client.create_listener(**self._where)
        except PASSING as error:
            await self._wait(error)
        else:
            self._back()

    async def _wait(self, error: QueueClientError) -> None:
        if not self._away:
            note(f"the connection is lost ({error}): connecting again")
        self._away = True
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, MAX_DELAY)

    def _back(self) -> None:
        note("connected again")
        self._away, self._delay = False, FIRST_DELAY
