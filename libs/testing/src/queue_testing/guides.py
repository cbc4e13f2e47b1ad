"""Runs a guide: the commands of a Markdown document, from top to bottom, as its reader would.

One bash runs all ``sh`` blocks. A ``json`` or ``text`` block behind one is what it prints; there
``…`` stands for anything, and white space does not count.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["GuideError", "Step", "run_guide", "steps_of"]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRELUDE = "set -euo pipefail\n"


class GuideError(AssertionError):
    """A command of a guide failed, or printed something else than the guide says."""


@dataclass(frozen=True, slots=True)
class Step:
    """A block of commands, and what it prints."""

    line: int
    commands: str
    expected: str | None
    """None: the guide does not show it."""


def steps_of(text: str) -> list[Step]:
    """Return the steps of a document."""
    steps: list[Step] = []
    for block in _BLOCK.finditer(text):
        language, content = block[1], block[2]
        if language == "sh":
            line = text.count("\n", 0, block.start()) + 2
            steps.append(Step(line, content, None))
        elif language in {"json", "text"} and steps and steps[-1].expected is None:
            steps[-1] = Step(steps[-1].line, steps[-1].commands, content)
    return steps


async def run_guide(
    guide: Path, directory: Path, replaced: Mapping[str, str], *, timeout_seconds: float = 120
) -> int:
    """Run a guide in ``directory`` and return the number of its steps; raises GuideError.

    ``replaced`` has texts that stand for others here, such as the address of the system. What the
    commands leave running is killed.
    """
    steps = steps_of(_text_of(guide, replaced))
    script = _PRELUDE + "".join(
        f"{{\n{step.commands}}} >step-{i}.out 2>&1 </dev/null\n" for i, step in enumerate(steps)
    )
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=directory, start_new_session=True, env=dict(os.environ)
    )
    try:
        code: int | str = await asyncio.wait_for(process.wait(), timeout_seconds)
    except TimeoutError:
        code = f"not ended within {timeout_seconds:g} s"
    finally:
        _kill_group(process.pid)
        await process.wait()
    for i, step in enumerate(steps):
        _check(guide, step, directory / f"step-{i}.out", directory / f"step-{i + 1}.out", code)
    if code:
        msg = f"{guide.name} ended with {code}"
        raise GuideError(msg)
    return len(steps)


def _text_of(guide: Path, replaced: Mapping[str, str]) -> str:
    text = guide.read_text()
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _check(guide: Path, step: Step, output: Path, following: Path, code: int | str) -> None:
    printed = output.read_text() if output.exists() else "nothing: it was not reached"
    where = f"{guide.name}, line {step.line}:\n{step.commands}\nprinted:\n{printed}"
    if code and not following.exists():
        msg = f"{where}\nand ended with {code}"
        raise GuideError(msg)
    if step.expected is not None and not _matches(step.expected, printed):
        msg = f"{where}\nnot:\n{step.expected}"
        raise GuideError(msg)


def _matches(expected: str, printed: str) -> bool:
    parts = ["".join(part.split()) for part in expected.split("…")]
    pattern = ".*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, "".join(printed.split()), re.DOTALL) is not None
