"""The guides' commands run as they stand, from top to bottom."""

from __future__ import annotations

from pathlib import Path

import pytest

from queue_testing import free_port
from queue_testing.guides import GuideError, run_guide, steps_of

from .test_make_run import Run

DOCS = Path(__file__).parents[3] / "docs"
GUIDES = ["managing-tasks.md", "tasks.md"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", GUIDES)
async def test_each_command_of_a_guide_works(name: str, tmp_path: Path) -> None:
    """A reader who follows a guide gets what it shows."""
    run = Run(tmp_path, free_port(), free_port())
    await run.start()
    try:
        await run.until_running()
        replaced = {
            "localhost:8080": f"localhost:{run.api_port}",
            "9000": str(free_port()),
        }
        assert await run_guide(DOCS / name, tmp_path, replaced, timeout_seconds=60) > 1
    finally:
        await run.end()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```sh\necho yes\n```\n\n```text\nno\n```\n", "not:\nno"),
        ("```sh\nfalse\n```\n\n```sh\necho later\n```\n", "ended with 1"),
        ("```sh\nsleep 60\n```\n", "not ended within 0.5 s"),
    ],
)
async def test_a_guide_that_is_wrong_fails(text: str, reason: str, tmp_path: Path) -> None:
    """A command that fails, hangs or prints something else is told with its line."""
    guide = tmp_path / "guide.md"
    guide.write_text(text)

    with pytest.raises(GuideError, match=reason) as caught:
        await run_guide(guide, tmp_path, {}, timeout_seconds=0.5)
    assert "guide.md, line 2" in str(caught.value)


def test_what_a_step_prints_stands_behind_it() -> None:
    """A block of commands has the block behind it as its output, if that is one."""
    text = "```sh\na\n```\nthen\n```json\n{}\n```\n```sh\nb\n```\n```python\nx\n```\n"

    assert [(s.line, s.commands, s.expected) for s in steps_of(text)] == [
        (2, "a\n", "{}\n"), (9, "b\n", None),
    ]  # fmt: skip
