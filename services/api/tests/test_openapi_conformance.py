from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import NEXT_ROOT_KEY, ROOT_KEY, Api

MAX_EXAMPLES = 5
"""Made up for each operation, besides those at the limits of each field, which are many more."""


async def check(api: Api, directory: Path, *options: str) -> None:
    """Send what schemathesis makes up from the description of an API that nobody else uses."""
    api.start()
    await api.until_alive()
    hooks = str(Path(__file__).with_name("schemathesis_hooks.py"))
    run = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json",
        # DELETE cancels a task, which stays to be looked at.
        "--checks", "all", "--exclude-checks", "use_after_free",
        # A stream of events has no end.
        "--exclude-path", "/api/v1/events",
        "--max-examples", str(MAX_EXAMPLES), "--no-color", *options,
        # The same requests in each run.
        "--generation-deterministic",
        cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": hooks},
    )  # fmt: skip
    out, _ = await run.communicate()
    async with httpx.AsyncClient() as client:
        paths = (await client.get(f"{api.url}/openapi.json")).json()["paths"]
    operations = sum(len(path) for path in paths.values())

    assert run.returncode == 0, out.decode()
    assert f"Operations:       {operations - 1} selected / {operations} total".encode() in out
    assert '"level":"error"' not in api.log()


@pytest.mark.timeout(300)
async def test_nothing_a_client_sends_breaks_the_contract(api_at: Api, tmp_path: Path) -> None:
    """To requests that schemathesis derives from /openapi.json, the API responds as documented."""
    await check(api_at, tmp_path)


@pytest.mark.timeout(300)
async def test_nor_does_what_a_client_with_a_key_sends(api_at: Api, tmp_path: Path) -> None:
    """With a key the same holds, and no operation that needs one goes without."""
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": f"{ROOT_KEY},{NEXT_ROOT_KEY}"}
    # The key is sent with each request: schemathesis cannot leave it out.
    without = ("--exclude-checks", "use_after_free,missing_required_header")
    key = ("--header", f"Authorization: Bearer {ROOT_KEY}")
    # The limits of the fields are the same with a key: the phase `coverage` is left out.
    phases = ("--phases", "examples,fuzzing,stateful")
    await check(api_at, tmp_path, *key, *without, *phases)
