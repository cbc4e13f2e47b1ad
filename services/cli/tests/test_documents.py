"""Each example of the documents runs."""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
from pathlib import Path

import pytest

from queue_testing import free_port
from queue_testing.receiver import Receiver
from queue_testing.system import System

from .running import QUEUE, Cli

DOCS = Path(__file__).parents[3] / "docs"
WATCHES = {"tail": "watching", "listen": "come to"}


def blocks(document: str, language: str) -> list[str]:
    text = (DOCS / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("cli.md", "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("queue ") and "queue dev" not in line]


def prepare(directory: Path, receiver: Receiver) -> None:
    (directory / "body.json").write_text('{"a": 1}')
    (directory / "tasks.ndjson").write_text(f'{{"url": "{receiver.url}/batch"}}\n')


@pytest.mark.parametrize("line", commands())
async def test_a_command_of_the_document_runs(cli: Cli, receiver: Receiver, line: str) -> None:
    """Each command of docs/cli.md ends with 0; those that watch do so at Ctrl-C."""
    prepare(cli.directory, receiver)
    here = line.replace("https://hooks.example.com", receiver.url)
    here = here.replace("hooks.example.com:443", receiver.address).replace(
        "http_error", "connect_error" if "--dry-run" in line else "http_error"
    )
    words = here.split()
    if words[1] in WATCHES:
        async with cli.terminal(*words[1:]) as terminal:
            await terminal.until(WATCHES[words[1]])
            assert await terminal.interrupt() == 0
        return
    if words[1:3] == ["profiles", "delete"]:
        await cli("profiles", "set", "prod", "--url", "https://queue.example.com")
    process = await asyncio.create_subprocess_shell(
        here.replace("queue", QUEUE, 1), cwd=cli.directory, env=cli.variables(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 45)

    # The doctor ends with 1: the tests' Redis keeps nothing on disk.
    expected = {0, 1} if "doctor" in words else {0}
    assert process.returncode in expected, out.decode()


async def test_dev_runs_everything(cli: Cli) -> None:
    """`queue dev` prints where everything is, and ends with 0 at Ctrl-C."""
    ports = ("VALKEY_PORT", "DASHBOARD_PORT")
    cli.environment = {name: str(free_port()) for name in ports} | {"METRICS_PORT": "0"}
    port = str(free_port())
    async with cli.terminal("dev", "--port", port, "--data", "./data") as terminal:
        await terminal.until("is running")
        cli.url = f"http://127.0.0.1:{port}"
        assert (
            await cli("send", f"http://127.0.0.1:{port}/health", "-X", "GET", "--wait")
        ).code == 0
        assert await terminal.interrupt() == 0

    assert (cli.directory / "data" / "valkey").is_dir()


@pytest.mark.parametrize("block", blocks("python-client.md", "python"))
async def test_an_example_of_the_client_runs(
    cli: Cli, system: System, receiver: Receiver, block: str
) -> None:
    """Each example of docs/python-client.md runs as it stands; a test of it passes."""
    here = block.replace("https://hooks.example.com", receiver.url)
    here = here.replace("http://localhost:8080", system.url)
    here = here.replace("hooks.example.com:443", receiver.address)
    is_test = "def test_" in block
    name = "test_example.py" if is_test else "example.py"
    (cli.directory / name).write_text(textwrap.dedent(here))
    program = ["-m", "pytest", "-q", name] if is_test else [name]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, cwd=cli.directory, env=cli.variables(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 50)

    assert process.returncode == 0, out.decode()
