"""What was accepted, what arrived, and the load that makes both."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from queue_testing.receiver import Received, Receiver

__all__ = ["Ledger"]


@dataclass
class Ledger:
    """Ids by what became of them."""

    receiver: Receiver
    accepted: set[str] = field(default_factory=set)
    refused: int = 0
    unanswered: int = 0
    """The API died before it responded: the task may be there or not."""

    async def load(self, api: str, *, a_second: int, seconds: float) -> None:
        """POST tasks at an even pace."""
        destination = f"{self.receiver.url}/ok"
        posts: set[asyncio.Task[None]] = set()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(limits=limits, timeout=10) as client:
            begin = time.monotonic()
            for i in range(int(a_second * seconds)):
                await asyncio.sleep(max(begin + i / a_second - time.monotonic(), 0))
                post = asyncio.create_task(self._post(client, api, destination))
                posts.add(post)
                post.add_done_callback(posts.discard)
            await asyncio.gather(*posts)

    async def post_one(self, api: str, destination: str) -> None:
        """POST one task over a connection of its own."""
        async with httpx.AsyncClient(timeout=10) as client:
            await self._post(client, api, destination)

    async def _post(self, client: httpx.AsyncClient, api: str, destination: str) -> None:
        try:
            response = await client.post(api, json={"url": destination, "body": {"n": 1}})
        except httpx.HTTPError:
            self.unanswered += 1
            return
        if response.status_code == httpx.codes.CREATED:
            self.accepted.add(response.json()["task_id"])
        else:
            self.refused += 1

    def arrivals(self) -> Counter[str]:
        """Return how often each task arrived."""
        return Counter(request.headers["X-Task-Id"] for request in self.receiver.requests)

    def missing(self) -> set[str]:
        """Return what was accepted and has not arrived."""
        return self.accepted - set(self.arrivals())

    def repeated(self) -> dict[str, list[Received]]:
        """Return the tasks that arrived more than once, with their arrivals."""
        often = {task_id for task_id, times in self.arrivals().items() if times > 1}
        found: dict[str, list[Received]] = {task_id: [] for task_id in often}
        for request in self.receiver.requests:
            if request.headers["X-Task-Id"] in often:
                found[request.headers["X-Task-Id"]].append(request)
        return found
