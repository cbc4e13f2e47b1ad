"""The chart's Redis, started by its own script: who may log in, and what they may do."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from pydantic import SecretStr
from redis.exceptions import AuthenticationError, NoPermissionError

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import free_port, wait_until
from queue_testing.tasks import a_task

from .helm import Helm

PASSWORD = "p 'w$(id)\"#"
HOST = "127.0.0.1"


class Started:
    """The server, and the files of its pod below ``directory``."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        log = self.directory / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                ["sh", "etc/start.sh"], cwd=self.directory, stdout=output, stderr=output,
                env={"PATH": f"{self.directory}/bin:/usr/bin:/bin", "REDIS_PASSWORD": PASSWORD},
            )  # fmt: skip
        await wait_until(lambda: b"Ready to accept" in log.read_bytes(), "it runs", 20)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def client(self, user: str | None, password: str | None) -> redis.asyncio.Redis:
        return redis.asyncio.Redis(host=HOST, port=self.port, username=user, password=password)

    def settings(self) -> RedisSettings:
        return RedisSettings(
            redis_addr=f"{HOST}:{self.port}", redis_username="queue",
            redis_password=SecretStr(PASSWORD), redis_url=None,
        )  # fmt: skip


@pytest.fixture
async def started(helm: Helm, server_binary: Path, tmp_path: Path) -> AsyncIterator[Started]:
    """Redis as the chart's container starts it, its paths within the test's directory."""
    port = free_port()
    places = {"/etc/redis/": "etc/", "/run/redis/": "run/", "dir /data": "dir .", "* -::*": HOST}
    for name in ("etc", "run", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin/redis-server").symlink_to(server_binary)
    for name, text in helm.render().one("ConfigMap", "-redis")["data"].items():
        for place, here in places.items():
            text = text.replace(place, here)
        (tmp_path / "etc" / name).write_text(text.replace("port 6379", f"port {port}"))
    started = Started(tmp_path, port)
    await started.start()
    yield started
    started.stop()


async def test_applications_have_their_queue_alone(started: Started) -> None:
    """API and worker log in with the Secret's password, and touch the keys of their queue alone."""
    queue = TaskQueue(started.settings(), QueueSettings(queue_name="tasks"))
    await queue.submit(TaskId("1"), a_task())
    mode = (await queue.durability()).mode
    await queue.disconnect()

    assert mode == "always"
    async with started.client("queue", PASSWORD) as client:
        for refused in (client.set("{other}:t:1", "x"), client.flushall()):
            with pytest.raises(NoPermissionError):
                await refused


async def test_nobody_else_gets_in(started: Started) -> None:
    """Neither without a login nor with the applications' password under another name."""
    for user, password in ((None, None), (None, PASSWORD), ("admin", PASSWORD)):
        async with started.client(user, password) as client:
            with pytest.raises(AuthenticationError):
                await client.get("{tasks}:n")


async def test_a_shell_in_the_pod_has_all_rights(started: Started) -> None:
    """The administrator's password is in the pod alone, for its own user."""
    file = started.directory / "run/admin"

    assert file.stat().st_mode & 0o077 == 0
    async with started.client("admin", file.read_text()) as client:
        assert await client.config_set("maxmemory-policy", "noeviction")


async def test_what_was_accepted_is_there_after_a_restart(started: Started) -> None:
    """Redis reads all of its file, what scripts have written too, though nobody may log in so."""
    queue = TaskQueue(started.settings(), QueueSettings(queue_name="tasks"))
    await queue.submit(TaskId("1"), a_task())

    started.stop()
    await started.start()

    assert (await queue.get_task(TaskId("1"))).state == "queued"
    await queue.disconnect()
    assert "NOPERM" not in (started.directory / "log").read_text()
