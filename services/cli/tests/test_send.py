from __future__ import annotations

from queue_testing.receiver import CannedResponse, Receiver

from .running import Cli


async def test_a_task_is_sent_like_curl_and_followed(cli: Cli, receiver: Receiver) -> None:
    """With -X, -H and -d the request arrives so; --wait ends with 0 once it is delivered."""
    result = await cli(
        "send", receiver.url + "/hook", "-X", "PUT", "-H", "X-Event: created", "-d", '{"a": 1}',
        "--label", "kind=order", "--wait", "-o", "json",
    )  # fmt: skip

    assert (result.code, result.json["state"]) == (0, "delivered"), result
    assert result.json["labels"] == {"kind": "order"}
    (request,) = receiver.to("/hook")
    assert (request.method, request.body) == ("PUT", b'{"a": 1}')
    assert request.headers["X-Event"] == "created"
    assert request.headers["Content-Type"] == "application/json"


async def test_the_body_comes_from_a_file_or_the_pipe(cli: Cli, receiver: Receiver) -> None:
    """-d @FILE sends a file's bytes, -d @- those of the standard input."""
    (cli.directory / "body").write_bytes(b"\xff\x00")

    first = await cli("send", receiver.url + "/file", "-d", "@body", "--wait")
    second = await cli("send", receiver.url + "/pipe", "-d", "@-", "--wait", stdin=b"piped")

    assert (first.code, second.code) == (0, 0), (first, second)
    assert receiver.to("/file")[0].body == b"\xff\x00"
    assert receiver.to("/pipe")[0].body == b"piped"


async def test_a_task_that_dies_ends_with_1(cli: Cli, receiver: Receiver) -> None:
    """--wait tells of each failed attempt and ends with 1 once the task is dead."""
    receiver.respond_with("/dies", [500])

    result = await cli(
        "send", receiver.url + "/dies", "--retry", "constant,interval=1s,max_attempts=2", "--wait"
    )

    assert result.code == 1, result
    assert "attempt 1: 500" in result.err
    assert "dead" in result.out


async def test_a_wait_ends_with_its_time(cli: Cli, receiver: Receiver) -> None:
    """--wait-timeout ends with 1 and says that the task goes on."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])

    result = await cli("send", receiver.url + "/slow", "--wait", "--wait-timeout", "0.3")

    assert result.code == 1
    assert "it goes on: `queue tasks get`" in result.err


async def test_only_data_is_on_the_standard_output(cli: Cli) -> None:
    """-o json writes one document, and a plain send nothing but the task."""
    result = await cli("send", "http://127.0.0.1:9/x", "--delay", "1h", "-o", "json")

    assert set(result.json) >= {"task_id", "trace_id"}
    assert result.err == ""


async def test_a_followed_task_is_known_before_it_ends(cli: Cli, receiver: Receiver) -> None:
    """--wait writes the task's id first: Ctrl-C, or a failure, does not lose it."""
    receiver.respond_with("/slow", [CannedResponse(hangs=True)])
    async with cli.terminal("send", receiver.url + "/slow", "--wait") as terminal:
        await terminal.until("is in the queue")
        assert await terminal.interrupt() == 130
        await terminal.until("it goes on: `queue tasks get 01")


async def test_any_bytes_are_a_body_and_any_text_a_key(cli: Cli, receiver: Receiver) -> None:
    """-d takes bytes that are no text, --key any character."""
    body = b"\xff\xfe".decode(errors="surrogateescape")

    sent = await cli("send", receiver.url + "/bytes", "-d", body, "--key", "größe", "--wait")

    assert sent.code == 0, sent
    assert receiver.to("/bytes")[0].body == b"\xff\xfe"
