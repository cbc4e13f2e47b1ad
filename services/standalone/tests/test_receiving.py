"""The receivers in docs/receiving.md verify what a worker signs, and refuse all else."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings
from queue_common.signing import new_secret
from queue_common.task import State, new_task_id
from queue_testing import free_port, wait_until
from queue_testing.tasks import a_task

from .conftest import NewProcess

GUIDE = Path(__file__).parents[3] / "docs" / "receiving.md"
SECRET, NEXT = new_secret(), new_secret()
COMMANDS = {
    "python": [sys.executable, "receiver.python"],
    "js": ["node", "receiver.js"],
    "go": ["go", "run", "receiver.go"],
}


@pytest.fixture(params=COMMANDS)
async def receiver_port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    """The port of the guide's receiver in one language, as a process of its own."""
    language = request.param
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    (code,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / f"receiver.{language}").write_text(code)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, env={**os.environ, "SECRET": SECRET, "PORT": str(port)},
        start_new_session=True,
    )  # fmt: skip
    yield port
    with suppress(ProcessLookupError):
        # `go run` has a child.
        os.killpg(process.pid, 9)
    await process.wait()


async def is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.timeout(180)
async def test_a_receiver_of_the_guide_verifies(
    receiver_port: int, queue: TaskQueue, queue_settings: QueueSettings, new_process: NewProcess
) -> None:
    """A signed request is taken, also while its secret is rotated; another one is 400."""
    await wait_until(lambda: is_open(receiver_port), "the receiver listens", 120)
    new_process("worker").start(SIGNING_SECRETS=f"{NEXT},{SECRET}")
    task_id = new_task_id()
    url = f"http://127.0.0.1:{receiver_port}/hook"
    await queue.submit(task_id, a_task(url, body='{"name": "é"}'.encode()))

    async def is_delivered() -> bool:
        return (await queue.get_task(task_id)).state is State.DELIVERED

    await wait_until(is_delivered, "the receiver has taken it", 60)
    async with httpx.AsyncClient() as client:
        unsigned = await client.post(url, json={"name": "é"})
        forged = await client.post(
            url, json={},
            headers={
                "webhook-id": "1", "webhook-timestamp": "1764374400",
                "webhook-signature": f"v1,{'A' * 43}=",
            },
        )  # fmt: skip

    assert (unsigned.status_code, forged.status_code) == (400, 400)
