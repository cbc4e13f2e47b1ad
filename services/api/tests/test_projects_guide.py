"""The commands of docs/projects.md, run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from .conftest import NEXT_ROOT_KEY, ROOT_KEY, Api

GUIDE = Path(__file__).parents[3] / "docs/projects.md"


async def test_each_command_of_the_guide_works(api_at: Api) -> None:
    """Run from top to bottom, each command succeeds, and the second task is over the rate."""
    # An API of the test's own: it deletes a project, which may have no tasks of other tests.
    api_at.environment |= {"API_AUTH": "", "API_ROOT_KEY": f"{ROOT_KEY},{NEXT_ROOT_KEY}"}
    api_at.start()
    await api_at.until_alive()
    setup, *blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert "export API=" in setup
    script = "set -eu\n" + "\necho\n".join(blocks)
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "API": api_at.url, "KEY": ROOT_KEY},
    )  # fmt: skip
    out, errors = await process.communicate()
    told = out.decode()

    assert process.returncode == 0, told + errors.decode()
    assert len(blocks) >= 7
    assert told.count("HTTP/1.1 201") == 1
    assert told.count("HTTP/1.1 429") == 1
    for part in re.findall(r"^(?:retry-after|ratelimit).*$", GUIDE.read_text(), re.MULTILINE):
        assert part in told.lower()
    assert '"concurrency":4' in told
    assert '"purged":1' in told
