from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from .conftest import Api


@pytest.mark.timeout(120)
async def test_nothing_a_client_sends_breaks_the_contract(api: Api, tmp_path: Path) -> None:
    """Against what schemathesis makes up from /openapi.json, the API answers as documented."""
    # JSON Schema cannot say what all a URL or a header must be: what matches may still be refused.
    run = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{api.url}/openapi.json",
        "--checks", "all", "--exclude-checks", "positive_data_acceptance",
        "--max-examples", "60", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await run.communicate()

    assert run.returncode == 0, out.decode()
    assert '"level":"error"' not in api.log()
