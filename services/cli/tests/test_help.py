from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout, suppress

import pytest

from queue_cli.root import ENTRIES, command

from .running import QUEUE, Cli

ROWS, COLUMNS = 24, 80


def commands() -> list[list[str]]:
    """All commands, those of groups too."""
    root = command()
    found = []
    for entry in ENTRIES:
        one = root.get_command(None, entry.name)
        below = getattr(one, "commands", {})
        found += [[entry.name, name] for name in below] or [[entry.name]]
    return found


def test_the_help_fits_one_screen() -> None:
    """`queue --help` has no more than 24 rows of 80 columns and names every command."""
    shown = subprocess.run([QUEUE, "--help"], capture_output=True, text=True, check=True).stdout

    assert len(shown.splitlines()) < ROWS
    assert max(map(len, shown.splitlines())) <= COLUMNS
    assert all(entry.name in shown for entry in ENTRIES)


def help_of(words: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as shown, suppress(SystemExit):
        command().main([*words, "--help"], prog_name="queue")
    return shown.getvalue()


def test_each_help_has_an_example() -> None:
    """The help of each command says how it is called, by an example of that command."""
    without = [
        words
        for words in commands()
        if " ".join(words) not in help_of(words).partition("Example")[2].replace("\n  ", " ")
    ]

    assert without == []


def test_the_help_takes_little_time() -> None:
    """`queue --help` imports neither httpx, rich nor the client: 200 ms of CPU are enough."""
    script = "import sys, queue_cli.run; print([m for m in sys.modules if m in sys.argv[1:]])"
    loaded = subprocess.run(
        [sys.executable, "-c", script, "httpx", "rich", "queue_client", "msgspec"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert loaded.strip() == "[]"
    before = os.times()
    subprocess.run([QUEUE, "--help"], capture_output=True, check=True)
    after = os.times()
    assert after.children_user - before.children_user < 0.2


def test_ctrl_c_is_harmless_while_modules_are_loaded() -> None:
    """What takes time to load is loaded once Ctrl-C ends the process without a traceback."""
    script = "import sys, queue_cli.main; print([m for m in sys.modules if m in sys.argv[1:]])"
    loaded = subprocess.run(
        [sys.executable, "-c", script, "typer", "asyncio", "httpx"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert loaded.strip() == "[]"


def test_examples_are_a_line_each() -> None:
    """No example reads as a pipe into the next one."""
    examples = help_of(["send"]).partition("Examples:\n")[2].splitlines()

    assert [line.split()[:2] for line in examples] == [["queue", "send"]] * 2


async def test_the_version_is_printed(cli: Cli) -> None:
    """--version needs no command."""
    result = await cli("--version")

    assert (result.code, result.out.split()[0]) == (0, "queue")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_is_a_script(cli: Cli, shell: str) -> None:
    """Each shell gets a script that completes the command."""
    result = await cli("completion", shell)

    assert result.code == 0
    assert "_QUEUE_COMPLETE" in result.out


async def test_commands_and_options_complete(cli: Cli) -> None:
    """The shell is told the commands, those of groups and their options."""

    async def complete(words: str) -> set[str]:
        cli.environment = {
            "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
            "_QUEUE_COMPLETE": "complete_bash",
        }  # fmt: skip
        return set((await cli()).out.split())

    assert "tasks" in await complete("queue ta")
    assert "replay" in await complete("queue dead re")
    assert "--lane" in await complete("queue dead replay --la")
