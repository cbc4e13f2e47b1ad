"""Tasks POSTed at an even pace, and what became of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from queue_testing import wait_until

from .api import TASKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .api import Api
    from .receiver import Ledger

__all__ = ["Load", "under_load"]

MAX_SECONDS = 120.0
"""No test may load the machine for longer, whatever it waits for."""


@dataclass
class Load:
    """The responses to the POSTs, and how that compares with what arrived."""

    api: Api
    ledger: Ledger
    accepted: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    """POSTs without a 201, by status or by error."""
    seconds: float = 0.0

    async def run(self, a_second: float, delay: float, until: asyncio.Event) -> None:
        """POST tasks whose destination takes ``delay`` seconds, until the event is set."""
        url = self.ledger.url(delay=delay)
        begin, sent = time.monotonic(), 0
        async with asyncio.TaskGroup() as posts:
            while not until.is_set() and time.monotonic() < begin + MAX_SECONDS:
                posts.create_task(self._post(url))
                sent += 1
                await asyncio.sleep(max(begin + sent / a_second - time.monotonic(), 0))
        self.seconds = time.monotonic() - begin

    async def _post(self, url: str) -> None:
        try:
            response = await self.api.http.post(TASKS, json={"url": url})
        except httpx.HTTPError as error:
            self.refused[type(error).__name__] += 1
            return
        if response.status_code == httpx.codes.CREATED:
            self.accepted.add(response.json()["task_id"])
        else:
            self.refused[str(response.status_code)] += 1

    async def accepts(self, more: int = 50) -> None:
        """Wait until so many further tasks are accepted."""
        goal = len(self.accepted) + more
        try:
            await wait_until(lambda: len(self.accepted) >= goal, f"{more} more accepted", 60)
        except AssertionError as error:
            error.add_note(f"{len(self.accepted)} accepted, refused: {dict(self.refused)}")
            raise

    async def all_delivered(self, timeout_seconds: float = 60) -> None:
        """Wait until the API tells each accepted task as delivered, and it is in the ledger."""
        waiting = set(self.accepted)

        async def delivered(task_id: str) -> str | None:
            return task_id if (await self.api.get_task(task_id))["state"] == "delivered" else None

        async def none_waits() -> bool:
            for some in batched(sorted(waiting), 16):
                waiting.difference_update(await asyncio.gather(*map(delivered, some)))
            return not waiting

        try:
            await wait_until(none_waits, "all delivered", timeout_seconds, every_seconds=0.5)
        except AssertionError as error:
            error.add_note(f"{len(waiting)} of {len(self.accepted)} wait: {sorted(waiting)[:5]}")
            raise
        assert not await self.missing()

    async def missing(self) -> set[str]:
        """Return what was accepted and never arrived."""
        return self.accepted - set(await self.ledger.counts())

    async def repeated(self) -> dict[str | None, int]:
        """Return the tasks that arrived more than once, and how often."""
        counts = await self.ledger.counts()
        return {task_id: times for task_id, times in counts.items() if times > 1}

    async def report(self, what: str) -> None:
        """Print the run's stats, for those who read the log of a suite that passed."""
        refused = dict(self.refused) or 0
        print(  # noqa: T201
            f"\n{what}: {len(self.accepted)} accepted in {self.seconds:.0f} s, refused {refused},"
            f" lost {len(await self.missing())}, repeated {len(await self.repeated())}"
        )


def batched(ids: list[str], size: int) -> Iterator[list[str]]:
    """Yield the ids by ``size`` at a time."""
    return (ids[i : i + size] for i in range(0, len(ids), size))


@asynccontextmanager
async def under_load(
    api: Api, ledger: Ledger, *, a_second: float = 50, delay: float = 0.1
) -> AsyncIterator[Load]:
    """POST tasks while the block runs; it begins when the first are accepted."""
    load, ended = Load(api, ledger), asyncio.Event()
    posting = asyncio.create_task(load.run(a_second, delay, ended))
    try:
        await load.accepts()
        yield load
    finally:
        ended.set()
        await posting
