"""The API of a release, through the ingress."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx

from queue_testing import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["TASKS", "Api"]

TASKS = "/api/v1/tasks"


@dataclass(frozen=True, slots=True)
class Api:
    """A client that asks for the host of one ingress."""

    http: httpx.AsyncClient

    @staticmethod
    @asynccontextmanager
    async def reach(ingress_url: str, host: str, key: str) -> AsyncIterator[Api]:
        """Open a client and wait until the ingress leads to an API that is ready."""
        limits = httpx.Limits(max_connections=64)
        headers = {"Host": host, "Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=ingress_url, headers=headers, timeout=20, limits=limits
        ) as http:
            api = Api(http)
            await wait_until(api.is_ready, f"the ingress leads to {host}", 60, every_seconds=0.2)
            yield api

    async def is_ready(self) -> bool:
        """Say whether ``GET /ready`` responds with 200."""
        try:
            return (await self.http.get("/ready")).is_success
        except httpx.HTTPError:
            return False

    async def create(self, url: str, **fields: object) -> str:
        """POST a task and return its id."""
        response = await self.http.post(TASKS, json={"url": url, **fields})
        assert response.status_code == httpx.codes.CREATED, (
            f"{response.status_code} {response.text}"
        )
        task_id: str = response.json()["task_id"]
        return task_id

    async def get_task(self, task_id: str) -> dict[str, Any]:
        """Return what the API tells of a task."""
        response = await self.http.get(f"{TASKS}/{task_id}")
        response.raise_for_status()
        view: dict[str, Any] = response.json()
        return view

    async def until(self, task_id: str, timeout_seconds: float = 30, **fields: object) -> None:
        """Wait until the API tells these fields of a task."""

        async def told() -> bool:
            view = await self.get_task(task_id)
            seen.update(view)
            return fields.items() <= view.items()

        seen: dict[str, Any] = {}
        try:
            await wait_until(told, f"{fields}", timeout_seconds, every_seconds=0.2)
        except AssertionError as error:
            error.add_note(f"the task: {seen}")
            raise

    async def outcome(self, task_id: str, timeout_seconds: float = 30) -> dict[str, Any]:
        """Wait for a task's first attempt and return how the last went."""

        async def attempt() -> dict[str, Any] | None:
            return cast("dict[str, Any] | None", (await self.get_task(task_id))["last_attempt"])

        found = await wait_until(attempt, "a first attempt", timeout_seconds, every_seconds=0.2)
        return cast("dict[str, Any]", found)
