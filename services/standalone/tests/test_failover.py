"""API and worker when the primary changes: nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis.asyncio

from queue_common.cancellation import cancel_and_wait
from queue_testing import RedisServer, wait_until
from queue_testing.network.proxy import CuttingProxy
from queue_testing.receiver import Receiver
from queue_testing.sentinels import SentinelServer, primary_port, until_watching

from .conftest import NewProcess
from .metered import Metered

Starter = Callable[..., RedisServer]

SYNCS_AT_ONCE = ("--repl-diskless-sync-delay", "0")
FOLLOWED_SECONDS = 5.0
"""From the moment there is a new primary."""
PASSWORD, SENTINEL_PASSWORD = "pr1mary", "s3ntinel"


class Load:
    """POSTs tasks, and remembers which were accepted, and when."""

    def __init__(self, api: Metered, receiver: Receiver) -> None:
        self.accepted: dict[str, float] = {}
        self.refusals: list[httpx.Response] = []
        self._api = api
        self._receiver = receiver

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Four clients post, each as fast as it gets its responses."""
        clients = [asyncio.create_task(self._post_on()) for _ in range(4)]
        try:
            yield
        finally:
            await cancel_and_wait(clients)

    async def _post_on(self) -> None:
        url = f"http://127.0.0.1:{self._api.api_port}/api/v1/tasks"
        async with httpx.AsyncClient(timeout=20) as client:
            while True:
                response = await client.post(url, json={"url": self._receiver.url})
                if response.status_code == httpx.codes.CREATED:
                    self.accepted[response.json()["task_id"]] = time.monotonic()
                else:
                    self.refusals.append(response)
                await asyncio.sleep(0.01)

    async def until_dead(self, url: str) -> str:
        """POST one task; return the error of its last attempt once it is dead."""
        task_id = (await self._api.post(url=url)).json()["task_id"]
        tasks = f"http://127.0.0.1:{self._api.api_port}/api/v1/tasks"
        async with httpx.AsyncClient() as client:

            async def error() -> str:
                task = (await client.get(f"{tasks}/{task_id}")).json()
                return str(task["last_attempt"]["error"]) if task["state"] == "dead" else ""

            return await wait_until(error, "the task is dead", 20)

    def accepted_since(self, moment: float) -> set[str]:
        return {task_id for task_id, at in self.accepted.items() if at > moment}

    def arrived(self) -> set[str]:
        return {request.headers["X-Task-Id"] for request in self._receiver.requests}

    async def until_followed(self, moment: float) -> None:
        """Return once tasks that were accepted after ``moment`` were delivered too."""
        await wait_until(
            lambda: self.accepted_since(moment) & self.arrived(),
            "tasks are accepted and delivered again",
            FOLLOWED_SECONDS,
        )

    async def check(self) -> None:
        """Refuse a task that was accepted and is not delivered, or any failure but 503."""
        await wait_until(lambda: self.accepted.keys() <= self.arrived(), "all are delivered", 30)
        assert {response.status_code for response in self.refusals} <= {503}
        assert all("Retry-After" in response.headers for response in self.refusals)


async def _start(new_process: NewProcess, receiver: Receiver, **variables: str) -> Load:
    """Start both processes, and return once tasks are accepted and delivered."""
    api = new_process("api").start(DURABILITY="replicated", **variables)
    worker = new_process("worker").start(**variables)
    await api.until("/ready", 200)
    await worker.until("/ready", 200)
    return Load(api, receiver)


async def test_a_switchover_behind_one_address(
    start_server: Starter, new_process: NewProcess, receiver: Receiver
) -> None:
    """If primary and replica swap roles with open connections, all works again within 5 s."""
    first = start_server(*SYNCS_AT_ONCE)
    second = start_server("--replicaof", "127.0.0.1", str(first.port), *SYNCS_AT_ONCE)
    async with CuttingProxy(first.port) as proxy:
        load = await _start(new_process, receiver, REDIS_ADDR=proxy.address)
        async with load.running():
            await wait_until(lambda: len(load.arrived()) >= 50, "tasks are delivered", 30)
            async with redis.asyncio.Redis(port=second.port) as client:
                await client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
            async with redis.asyncio.Redis(port=first.port) as client:
                await client.replicaof("127.0.0.1", str(second.port))
            proxy.lead_to(second.port)
            await load.until_followed(time.monotonic())
        await load.check()


@pytest.fixture
def start_sentinels(
    server_binary: Path, tmp_path: Path
) -> Iterator[Callable[..., list[SentinelServer]]]:
    """Starts three Sentinels that watch a primary; kills them at the end."""
    started: list[SentinelServer] = []

    def start(primary: RedisServer, *lines: str) -> list[SentinelServer]:
        for name in ("a", "b", "c"):
            directory = tmp_path / f"sentinel-{name}"
            directory.mkdir()
            started.append(SentinelServer(server_binary, directory, primary.port, *lines))
            started[-1].start()
        return started

    yield start
    for sentinel in started:
        sentinel.kill()


@pytest.mark.timeout(90)
async def test_a_killed_primary_under_three_sentinels(
    start_server: Starter, start_sentinels: Callable[..., list[SentinelServer]],
    new_process: NewProcess, receiver: Receiver,
) -> None:  # fmt: skip
    """API and worker follow the replica that takes over; to none of the servers they deliver."""
    login = ("--requirepass", PASSWORD, "--masterauth", PASSWORD, *SYNCS_AT_ONCE)
    primary = start_server(*login)
    replicas = [
        start_server("--replicaof", "127.0.0.1", str(primary.port), *login) for _ in range(2)
    ]
    sentinels = start_sentinels(
        primary, f"sentinel auth-pass mymaster {PASSWORD}", f"requirepass {SENTINEL_PASSWORD}",
        f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
    )  # fmt: skip
    load, _ = await asyncio.gather(
        _start(
            new_process, receiver,
            REDIS_SENTINELS=",".join(sentinel.address for sentinel in sentinels),
            REDIS_PASSWORD=PASSWORD, REDIS_SENTINEL_PASSWORD=SENTINEL_PASSWORD,
        ),
        until_watching(sentinels, replicas=2, password=SENTINEL_PASSWORD),
    )  # fmt: skip

    for server in (primary, *replicas, *sentinels):
        refusal = await load.until_dead(f"http://127.0.0.1:{server.port}/")
        assert "the queue's own infrastructure" in refusal

    async def promoted() -> bool:
        named = {await primary_port(sentinel, SENTINEL_PASSWORD) for sentinel in sentinels}
        return len(named) == 1 and named <= {replica.port for replica in replicas}

    async with load.running():
        await wait_until(lambda: len(load.arrived()) >= 50, "tasks are delivered", 30)
        primary.kill()
        await wait_until(promoted, "the Sentinels have promoted a replica", 30)
        await load.until_followed(time.monotonic())
    await load.check()
