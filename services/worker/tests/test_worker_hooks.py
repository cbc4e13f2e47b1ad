"""WORKER_HOOKS: code of the user's own in the real queue-worker."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from queue_common.queue import TaskQueue
from queue_common.settings import QueueSettings
from queue_common.task import new_task_id
from queue_testing import RedisServer
from queue_testing.receiver import Receiver
from queue_testing.tasks import a_task

HOOKS = """
from saq import CronJob


async def tick(context):
    print("tick", flush=True)


async def before(context):
    print("before", context["job"].function, flush=True)


settings = {"before_process": before, "cron_jobs": [CronJob(tick, cron="* * * * * */1")]}
"""


async def test_hooks_of_the_users_own_run_in_the_worker(
    queue: TaskQueue, redis_server: RedisServer, queue_settings: QueueSettings, tmp_path: Path
) -> None:
    """WORKER_HOOKS names a module with SAQ's hooks and cron jobs; both run beside deliveries."""
    (tmp_path / "their_hooks.py").write_text(HOOKS)
    environment = {
        **{name: value for name, value in os.environ.items() if name[:8] == "COVERAGE"},
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "REDIS_ADDR": redis_server.address,
        "QUEUE_NAME": queue_settings.queue_name,
        "EGRESS_ALLOW": "127.0.0.0/8",
        "WORKER_HOOKS": "their_hooks:settings",
    }
    command = str(Path(sys.executable).with_name("queue-worker"))
    worker = await asyncio.create_subprocess_exec(
        command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    seen: list[str] = []
    async with Receiver() as receiver, asyncio.timeout(20):
        await queue.submit(new_task_id(), a_task(receiver.url))
        while not {"tick", "before deliver"} <= set(seen) or seen.count("tick") < 2:
            seen.append((await worker.stdout.readline()).decode().strip())
    worker.terminate()

    assert await worker.wait() == 0
