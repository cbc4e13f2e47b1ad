from __future__ import annotations

import asyncio
import stat

import pytest

from queue_testing import free_port

from .running import QUEUE, Cli

UNKNOWN = "01a20d94-4598-77ff-aa01-ede0158d74bc"


async def test_nobody_answers_ends_with_4(cli: Cli) -> None:
    """An API that is away is one sentence on stderr with what to do, and exit code 4."""
    cli.url = f"http://127.0.0.1:{free_port()}"

    result = await cli("tasks", "list")

    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("queue: ")
    assert "queue dev" in result.err
    assert len(result.err.splitlines()) == 1


async def test_what_is_not_there_ends_with_3(cli: Cli) -> None:
    """An unknown task is exit code 3."""
    result = await cli("tasks", "get", UNKNOWN)

    assert (result.code, result.out) == (3, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["send"],
        ["send", "not a url"],
        ["send", "https://example.com", "--retry", "often=yes"],
        ["send", "https://example.com", "-H", "no colon"],
        ["tasks", "list", "--after", "yesterday"],
        ["nothing"],
        ["--profile", "unknown", "tasks", "list"],
    ],
    ids=" ".join,
)
async def test_a_wrong_call_ends_with_2(cli: Cli, arguments: list[str]) -> None:
    """What is wrong with a call is said on stderr; the exit code is 2."""
    result = await cli(*arguments)

    assert (result.code, result.out) == (2, ""), result
    assert result.err
    assert "Traceback" not in result.err


async def test_a_file_that_is_not_there_is_named(cli: Cli) -> None:
    """A missing file is one sentence."""
    result = await cli("send", "--batch", "absent.ndjson")

    assert (result.code, "absent.ndjson: No such file" in result.err) == (1, True)


async def test_a_profile_is_used(cli: Cli) -> None:
    """A profile's address is used, its file is for its owner alone, its token is not shown."""
    url, cli.url = cli.url or "", None
    made = await cli("profiles", "set", "here", "--url", url, "--token", "qk_abc_secret")
    result = await cli("profiles", "list", "-o", "json")

    assert made.code == 0, made
    assert [(p["name"], p["use"], p["token"]) for p in result.json] == [("here", True, "qk_abc_…")]
    path = cli.directory / "config" / "queue" / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await cli("tasks", "get", UNKNOWN)).code == 3
    assert (await cli("profiles", "delete", "here")).code == 0
    assert (await cli("--profile", "here", "lanes", "list")).code == 2


async def test_a_comment_in_the_file_stays(cli: Cli) -> None:
    """Changing a profile keeps what its owner wrote beside it."""
    path = cli.directory / "config" / "queue" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text('use = "a"\n\n[profiles.a]\nurl = "http://a" # ours\n')

    await cli("profiles", "set", "b", "--url", "http://b")

    assert "# ours" in path.read_text()
    assert "http://b" in path.read_text()


async def test_a_reader_that_leaves_ends_the_pipe(cli: Cli) -> None:
    """`queue … | head` ends in silence."""
    process = await asyncio.create_subprocess_shell(
        f"{QUEUE} --help | head -1", env=cli.variables(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()

    assert out.startswith(b"Usage: queue")
    assert err == b""
