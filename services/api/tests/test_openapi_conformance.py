from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from .conftest import Api


@pytest.mark.timeout(180)
async def test_nothing_a_client_sends_breaks_the_contract(api: Api, tmp_path: Path) -> None:
    """Against what schemathesis makes up from /openapi.json, the API answers as documented."""
    hooks = str(Path(__file__).with_name("schemathesis_hooks.py"))
    run = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json",
        "--checks", "all", "--max-examples", "60", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "SCHEMATHESIS_HOOKS": hooks},
    )  # fmt: skip
    out, _ = await run.communicate()

    assert run.returncode == 0, out.decode()
    assert b"Operations:       5 selected / 5 total" in out
    assert '"level":"error"' not in api.log()
