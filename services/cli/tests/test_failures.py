from __future__ import annotations

import asyncio
import io
import stat

import pytest
from rich.console import Console
from rich.text import Text

from queue_cli.output.table import print_table
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
        ["send", "https://example.com", "--retry", "often"],
        ["send", "https://example.com", "--resume", "x"],
        ["send", "https://example.com", "--key", "\udcff"],
        ["--token", "ü", "tasks", "list"],
        ["keys", "create", "k", "--scope", "all"],
        ["lanes", "purge", "a:1"],
        ["dead", "replay"],
        ["profiles", "set", "p", "--token", "-"],
        ["verify", "--secret", "whsec_AAAA", "--headers", "/bin/sh", "-d", "x"],
        ["tasks", "get"],
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
    assert result.err.startswith("queue: ")
    assert len(result.err.splitlines()) == 1


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


async def test_a_profile_has_a_dashboard(cli: Cli) -> None:
    """`profiles set --dashboard-url` is what `open` opens; --token - reads the pipe."""
    arguments = ("profiles", "set", "p", "--dashboard-url", "https://dash.example", "--token", "-")
    await cli(*arguments, stdin=b"qk_abc_secret\n")

    assert (await cli("open", "--print")).out == "https://dash.example\n"
    assert (await cli("profiles", "list", "-o", "json")).json[0]["token"] == "qk_abc_…"


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


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["send", "https://example.com", "--retry", "foo"], "exponential"),
        (["keys", "create", "k", "--scope", "foo"], "manage"),
    ],
    ids=["retry", "scope"],
)
async def test_what_is_allowed_is_said(cli: Cli, arguments: list[str], allowed: str) -> None:
    """A value that is none of a few is refused with these."""
    assert allowed in (await cli(*arguments)).err


async def test_what_is_not_there_has_its_list(cli: Cli) -> None:
    """What is not found says which list to look in."""
    task, key = await cli("tasks", "get", UNKNOWN), await cli("keys", "delete", "k00000000000")

    assert "`queue tasks list`" in task.err
    assert "`queue keys list`" in key.err
    assert ".:" not in task.err + key.err


async def test_limits_that_are_not_given_stay(cli: Cli) -> None:
    """Changing a project's weight, or one limit of a lane, keeps the others; none removes one."""
    await cli("projects", "set", "p1", "--rate", "100", "--waiting", "50")
    project = await cli("projects", "set", "p1", "--weight", "4", "--waiting", "none", "-o", "json")
    await cli("lanes", "limit", "a:1", "--rate", "10")
    lane = await cli("lanes", "limit", "a:1", "--concurrency", "5", "-o", "json")

    assert (project.json["weight"], project.json["limits"]["rate"]) == (4, 100)
    assert project.json["limits"].get("waiting") is None
    assert (lane.json["limits"]["rate"], lane.json["limits"]["concurrency"]) == (10, 5)


async def test_a_secret_is_made_without_arguments(cli: Cli) -> None:
    """`projects add-secret` makes one, `projects set` a project, as their helps say."""
    made = await cli("projects", "add-secret", "p2", "-o", "json")

    assert made.json["secret"].startswith("whsec_")
    assert (await cli("projects", "set", "p2")).code == 0
    deleted = await cli("projects", "delete-secret", "p2", made.json["id"], "-o", "json")
    assert deleted.json == {"id": made.json["id"], "deleted": True}


async def test_what_acts_answers_programs_too(cli: Cli) -> None:
    """-o json is an object also where people get a sentence."""
    purged = await cli("lanes", "purge", "nothing:1", "--yes", "-o", "json")
    opened = await cli("open", "--print", "-o", "json")

    assert purged.json == {"lane": "nothing:1", "purged": 0}
    assert opened.json["url"].startswith("http")


async def test_a_terminal_without_the_characters_shows_them_escaped(cli: Cli) -> None:
    """In an encoding without a character it is escaped."""
    sent = await cli("send", "http://127.0.0.1:9/", "--delay", "1h", "-d", "ü", "-o", "json")
    cli.environment["PYTHONIOENCODING"] = "ascii"
    shown = await cli("tasks", "get", sent.json["task_id"])

    assert (shown.code, r"\xfc" in shown.out) == (0, True)


async def test_ctrl_c_at_a_question_is_that_of_elsewhere(cli: Cli) -> None:
    """Ctrl-C at a prompt ends with 130, "n" with 1."""
    async with cli.terminal("lanes", "purge", "a:1") as terminal:
        await terminal.until("cancel 0 tasks")
        assert await terminal.interrupt() == 130
    async with cli.terminal("lanes", "purge", "a:1") as terminal:
        await terminal.until("cancel 0 tasks")
        terminal.type("n\n")
        assert await terminal.ended() == 1


@pytest.mark.parametrize("columns", [40, 80])
def test_ids_stay_whole_in_narrow_tables(columns: int) -> None:
    """At 40 and at 80 columns each id is on one line, and no line is longer."""
    rows = [
        [Text(cell) for cell in (UNKNOWN, "scheduled", "3", "POST http://a.example/b/c/d/e/f/g")]
    ]
    console = Console(width=columns, file=io.StringIO())

    print_table(console, ["id", "state", "TRIES", "url"], rows)

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert UNKNOWN in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert "scheduled" in shown
