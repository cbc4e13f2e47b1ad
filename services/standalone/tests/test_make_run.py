from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from queue_testing import RedisServer, free_port, wait_until
from queue_testing.receiver import Receiver

PARTS = ("queue_dashboard", "queue_api", "queue_worker", "valkey-server", "orphans")


def two_free_ports() -> int:
    """Return the first of two ports, one after the other, that nobody listens on."""
    while True:
        first = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", first + 1))
            return first


@dataclass
class Run:
    """One run of the system in a directory of its own."""

    directory: Path
    api_port: int
    valkey_port: int
    metrics_port: int = field(default_factory=two_free_ports)
    dashboard_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self, **variables: str) -> None:
        environment = {
            **os.environ,
            "API_PORT": str(self.api_port),
            "VALKEY_PORT": str(self.valkey_port),
            "DASHBOARD_PORT": str(self.dashboard_port),
            "METRICS_PORT": str(self.metrics_port),
            "WORKER_RETRY_INTERVAL": "200ms",
            "ENV": "production",
            "API_AUTH": "off",
            **variables,
        }
        with (self.directory / "out").open("wb") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "queue_standalone",
                cwd=self.directory, env=environment, stdout=out, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip

    def said(self) -> str:
        return (self.directory / "out").read_text()

    async def until_running(self) -> None:
        await wait_until(lambda: "is running" in self.said(), "the system runs", 30)

    async def end(self, signum: int = signal.SIGINT) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signum)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def post(self, task: dict[str, Any]) -> str:
        request = urllib.request.Request(
            f"http://localhost:{self.api_port}/api/v1/tasks",
            json.dumps(task).encode(),
            {"Content-Type": "application/json"},
        )
        return str((await self._open(request))["task_id"])

    async def state(self, task_id: str) -> str:
        url = f"http://localhost:{self.api_port}/api/v1/tasks/{task_id}"
        return str((await self._open(url))["state"])

    @staticmethod
    async def _open(request: urllib.request.Request | str) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
                found: dict[str, Any] = json.load(response)
                return found

        return await asyncio.to_thread(read)

    async def read(self, url: str) -> str:
        def read() -> str:
            with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - loopback
                return str(response.read().decode())

        return await asyncio.to_thread(read)

    def log(self, part: str) -> str:
        return (self.directory / ".data" / "logs" / f"{part}.log").read_text()

    def pid_of(self, part: str) -> int:
        """Find a part among the run's children, by its command."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split():
            if part in Path(f"/proc/{pid}/cmdline").read_text():
                return int(pid)
        raise AssertionError(part)


def is_running(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    return False


def of_process(pid: int, name: str) -> list[str]:
    """The process' ``cmdline`` or ``environ``."""
    return Path(f"/proc/{pid}/{name}").read_text().split("\0")


def mode(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    run = Run(tmp_path, free_port(), free_port())
    yield run
    if run.process is not None:
        await run.end()


async def test_a_task_sent_as_printed_is_delivered(run: Run) -> None:
    """The task in the curl that is printed is accepted and delivered."""
    await run.start()
    await run.until_running()
    printed = next(line for line in run.said().splitlines() if " -d '" in line)

    task_id = await run.post(json.loads(printed.split(" -d '")[1].rstrip("'")))

    async def delivered() -> bool:
        return await run.state(task_id) == "delivered"

    await wait_until(delivered, "the task is delivered")


async def test_with_a_root_key_the_curl_that_is_printed_has_it(run: Run) -> None:
    """With API_ROOT_KEY the API wants a key, and the printed curl sends it from the variable."""
    key = {"API_ROOT_KEY": "a-root-key-of-more-than-32-characters"}
    await run.start(API_AUTH="", **key)
    await run.until_running()
    printed = next(line for line in run.said().splitlines() if " -d '" in line)
    curl = await asyncio.create_subprocess_exec(
        "sh", "-c", printed, env={**os.environ, **key}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await curl.communicate()

    assert "task_id" in json.loads(out)
    assert key["API_ROOT_KEY"] not in run.said()


async def test_the_first_line_is_the_dashboards_url(run: Run) -> None:
    """The first line that is printed has the dashboard's URL, which has the first steps."""
    await run.start()
    await run.until_running()

    url = f"http://localhost:{run.dashboard_port}"
    assert run.said().splitlines()[0].endswith(url)
    assert "Send your first task" in await run.read(f"{url}/start")


async def test_ctrl_c_stops_in_order_with_exit_0(run: Run) -> None:
    """Ctrl-C stops dashboard, API, worker and Valkey in this order; the run ends with 0."""
    await run.start()
    await run.until_running()

    code = await run.end(signal.SIGINT)

    stopped = [line.split()[2] for line in run.said().splitlines() if line.startswith("Stopping")]
    assert (code, stopped) == (0, ["dashboard", "api", "worker", "valkey"])
    assert "worker.stopped" in run.log("worker")


async def test_tasks_survive_a_stop_and_start(run: Run) -> None:
    """A task that could not be delivered before the stop is delivered after the next start."""
    port = free_port()
    await run.start()
    await run.until_running()
    task_id = await run.post({"url": f"http://127.0.0.1:{port}/late"})
    await run.end()

    async with Receiver(port) as receiver:
        await run.start()

        await wait_until(lambda: receiver.to("/late"), "the task arrives", 30)

    assert task_id == receiver.to("/late")[0].headers["X-Task-Id"]


async def test_nothing_stays_behind_a_killed_run(run: Run) -> None:
    """After the run is killed its parts end, and the next run has the task of before."""
    await run.start()
    await run.until_running()
    port = free_port()
    task_id = await run.post({"url": f"http://127.0.0.1:{port}/late"})
    pids = [run.pid_of(part) for part in PARTS]

    await run.end(signal.SIGKILL)

    await wait_until(lambda: not any(map(is_running, pids)), "all parts have ended", 20)
    assert "User requested shutdown" in run.log("valkey")
    async with Receiver(port) as receiver:
        await run.start()
        await wait_until(lambda: receiver.to("/late"), "the task arrives", 30)
    assert task_id == receiver.to("/late")[0].headers["X-Task-Id"]


async def test_data_and_logs_are_for_the_user_alone(run: Run) -> None:
    """Nobody else can read what is in tasks, in folders of an earlier version neither."""
    data = run.directory / ".data"
    for name in ("logs", "valkey"):
        (data / name).mkdir(parents=True)
        (data / name).chmod(0o755)

    await run.start()
    await run.until_running()

    written = [path for name in ("logs", "valkey") for path in (data / name).rglob("*")]
    assert {mode(data / "logs"), mode(data / "valkey")} == {"drwx------"}
    assert {mode(path) for path in written} == {"drwx------", "-rw-------"}


async def test_valkey_is_the_systems_alone(run: Run) -> None:
    """The Valkey refuses everybody without its password, which no command line shows."""
    await run.start()
    await run.until_running()
    password = (run.directory / ".data" / "valkey" / "password").read_text()

    with socket.create_connection(("127.0.0.1", run.valkey_port), 5) as connection:
        connection.sendall(b"KEYS *\r\n")
        assert connection.recv(64).startswith(b"-NOAUTH")

    pids = [run.pid_of(part) for part in PARTS]
    words = [word for pid in pids for word in of_process(pid, "cmdline")]
    assert [word for word in words if password in word] == []


async def test_a_part_that_dies_ends_the_run_with_its_last_lines(run: Run) -> None:
    """When the worker is killed the run ends with an error that shows its last lines."""
    await run.start()
    await run.until_running()

    os.kill(run.pid_of("queue_worker"), signal.SIGKILL)

    assert run.process is not None
    assert await asyncio.wait_for(run.process.wait(), 30) == 1
    assert "The worker ended by signal SIGKILL. Its last lines:" in run.said()
    assert "worker.ready" in run.said()


async def test_a_taken_port_is_one_sentence(run: Run) -> None:
    """A second run on the same ports says which port is taken, and how to take another."""
    await run.start()
    await run.until_running()
    second = Run(run.directory / "second", run.api_port, free_port())
    second.directory.mkdir()

    await second.start()

    assert second.process is not None
    assert await asyncio.wait_for(second.process.wait(), 30) == 1
    assert second.said().count("\n") == 1
    assert f"Port {run.api_port} is in use" in second.said()
    assert "API_PORT" in second.said()


async def test_the_metrics_printed_are_served(run: Run) -> None:
    """The two addresses that are printed are the API's and the worker's /metrics."""
    await run.start()
    await run.until_running()
    line = next(line for line in run.said().splitlines() if line.strip().startswith("metrics"))
    of_api, of_worker = (word for word in line.split() if word.startswith("http"))

    assert "messaging_client_sent_messages_total" in await run.read(of_api)
    assert "messaging_client_consumed_messages_total" in await run.read(of_worker)


async def test_metrics_port_0_means_none(run: Run) -> None:
    """With METRICS_PORT=0 neither API nor worker serves metrics, and none are printed."""
    await run.start(METRICS_PORT="0")
    await run.until_running()

    assert "metrics    none" in run.said()
    for part in ("queue_api", "queue_worker"):
        assert "METRICS_PORT=0" in of_process(run.pid_of(part), "environ")


async def test_a_taken_metrics_port_is_one_sentence(run: Run) -> None:
    """A port that somebody else has for metrics is named, with the variable to set."""
    run.metrics_port = two_free_ports()
    with socket.create_server(("127.0.0.1", run.metrics_port + 1)):
        await run.start()

        assert run.process is not None
        assert await asyncio.wait_for(run.process.wait(), 30) == 1
    assert run.said().count("\n") == 1
    assert f"Port {run.metrics_port + 1} is in use" in run.said()
    assert "set METRICS_PORT" in run.said()


async def test_a_redis_of_ones_own_is_used(run: Run, redis_server: RedisServer) -> None:
    """With REDIS_ADDR set no Valkey is started and tasks go to that server."""
    await run.start(REDIS_ADDR=redis_server.address, QUEUE_NAME=f"own-{run.api_port}")

    await run.until_running()

    assert not (run.directory / ".data" / "valkey").exists()
    assert "your own Redis" in run.said()
