"""The commands of docs/keys.md, run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import httpx
import pytest

from queue_testing import wait_until

from .conftest import NewProcess

GUIDE = Path(__file__).parents[3] / "docs" / "keys.md"
ROOT_KEY = "the-root-key-of-this-test-is-long-enough"


@pytest.mark.timeout(120)
async def test_the_commands_of_the_guide_work(new_process: NewProcess, tmp_path: Path) -> None:
    """Each command of the guide succeeds, from the first key to the audit."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    api = new_process("api").start(API_AUTH="on", API_ROOT_KEY=ROOT_KEY)

    async def is_ready() -> bool:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"http://localhost:{api.api_port}/ready")).is_success
            except httpx.HTTPError:
                return False

    await wait_until(is_ready, "the API is ready", 30)
    # The first makes another root key than the API's.
    script = "\n".join(["set -ex", f"API_ROOT_KEY={ROOT_KEY}", *blocks[1:]])
    run = await asyncio.create_subprocess_exec(
        "bash", "-c", script.replace("localhost:8080/api", f"localhost:{api.api_port}/api"),
        cwd=tmp_path, env=dict(os.environ),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await run.communicate()

    assert run.returncode == 0, out.decode()
    assert b'"action":"key.revoke"' in out
    assert b'"tasks":[{' in out
