"""Requests that a client repeats until they are answered, each under a key of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from queue_testing.receiver import Receiver

__all__ = ["Orders"]

GONE_EVERY = 20
"""One request in so many goes to a destination that wants none: its task is dead at once."""


class Orders:
    """What was asked for by number, and which tasks came of it."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.task_ids: dict[int, str] = {}
        """The task that each request was answered with."""
        self.repeated = 0
        """Requests that were sent again, as they were not answered or refused."""
        self.disagreeing: list[int] = []
        """Requests that were answered with two tasks."""

    async def send(self, api: str, *, a_second: int, seconds: float) -> None:
        """Send at an even pace; each is repeated until it is answered."""
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(limits=limits, timeout=10) as client, asyncio.TaskGroup() as g:
            begin = time.monotonic()
            for number in range(int(a_second * seconds)):
                await asyncio.sleep(max(begin + number / a_second - time.monotonic(), 0))
                g.create_task(self._send_one(client, api, number))

    async def _send_one(self, client: httpx.AsyncClient, api: str, number: int) -> None:
        while True:
            try:
                response = await client.post(api, json=self._task(number))
            except httpx.HTTPError:
                response = None
            if response is not None and response.status_code in {200, 201}:
                break
            self.repeated += 1
            await asyncio.sleep(0.2)
        task_id = response.json()["task_id"]
        if self.task_ids.setdefault(number, task_id) != task_id:
            self.disagreeing.append(number)

    def _task(self, number: int) -> dict[str, object]:
        gone = number % GONE_EVERY == 0
        task: dict[str, object] = {
            "url": f"{self._receiver.url}/{'gone' if gone else 'ok'}",
            "body": {"number": number},
            "callback": {"url": f"{self._receiver.url}/told"},
        }
        # A dead task frees its key, so that its request may make another.
        return task if gone else {**task, "idempotency_key": f"order-{number}"}

    def tasks_of_orders(self) -> dict[int, set[str]]:
        """Return the ids of the tasks that arrived for each request."""
        found: dict[int, set[str]] = defaultdict(set)
        for request in self._receiver.to("/ok"):
            found[json.loads(request.body)["number"]].add(request.headers["X-Task-Id"])
        return found

    def lost(self) -> set[int]:
        """Return the requests whose task has not arrived."""
        arrived = {request.headers["X-Task-Id"] for request in self._receiver.requests}
        return {number for number, task_id in self.task_ids.items() if task_id not in arrived}

    def doubled(self) -> dict[int, set[str]]:
        """Return the requests that made more than one task."""
        return {n: ids for n, ids in self.tasks_of_orders().items() if len(ids) > 1}

    def callbacks(self) -> dict[str, set[str]]:
        """Return the ids of the callbacks that arrived, by their tasks."""
        found: dict[str, set[str]] = defaultdict(set)
        for request in self._receiver.to("/told"):
            body: dict[str, Any] = json.loads(request.body)
            found[body["task_id"]].add(request.headers["X-Task-Id"])
        return found

    def untold(self) -> set[str]:
        """Return the tasks without a callback."""
        return set(self.task_ids.values()) - set(self.callbacks())

    def told_twice(self) -> dict[str, set[str]]:
        """Return the tasks with more than one callback; one may arrive more than once."""
        return {task_id: ids for task_id, ids in self.callbacks().items() if len(ids) > 1}
