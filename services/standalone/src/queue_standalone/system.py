"""The system: its processes, the order in which they start and stop, and the messages."""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
import sys
from typing import TYPE_CHECKING

from .child_process import ChildEndedError, ChildProcess
from .orphans import OrphanWatch
from .ready import log_contains, replies_to_ping, responds_to_http
from .valkey import find_server, password_in, private_directory, server_command

if TYPE_CHECKING:
    from pathlib import Path

    from .settings import StandaloneSettings

__all__ = ["run"]

WORKER_STOP_SECONDS = 60.0
"""More than the default of WORKER_DRAIN_TIMEOUT and the time for releasing claims."""
VALKEY_STOP_SECONDS = 30.0
DASHBOARD_STOP_SECONDS = 10.0
ORPHAN_SECONDS = 2.0
"""Time for API and worker to stop if the run was killed. Interrupted attempts repeat later."""


async def run(settings: StandaloneSettings) -> int:
    """Run until Ctrl-C or SIGTERM and return 0, or until a process ends and return 1.

    Starts Valkey, then worker, API and dashboard. Stops dashboard and API first, so that no new
    tasks arrive, then the worker, which finishes its attempts in flight, then Valkey.
    """
    _check_ports(settings)
    logs = private_directory(settings.data_dir / "logs")
    system = _System(settings, logs)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    try:
        await _until_any(
            [asyncio.create_task(stopping.wait()), asyncio.create_task(system.serve())]
        )
    except ChildEndedError as error:
        _print(str(error))
        return 1
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, system.escalate)
        await system.stop()
    return 0


async def _until_any(tasks: list[asyncio.Task[bool]]) -> None:
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for task in done:
        task.result()


class _System:
    def __init__(self, settings: StandaloneSettings, logs: Path) -> None:
        self._settings = settings
        own = settings.brings_own_redis
        self._password = "" if own else self._read_password()
        address = f":{self._password}@127.0.0.1:{settings.valkey_port}"
        shared = {"EGRESS_ALLOW": settings.egress_allow}
        if not own:
            shared["REDIS_URL"] = f"redis://{address}"
        self._valkey = None if own else self._embedded(logs)
        self._api = self._module("api", shared, logs, 40.0)
        self._worker = self._module("worker", shared, logs, WORKER_STOP_SECONDS)
        api_url = f"http://localhost:{settings.api_port}"
        self._dashboard = self._module(
            "dashboard", {"DASHBOARD_API_URL": api_url}, logs, DASHBOARD_STOP_SECONDS
        )
        self._running: list[ChildProcess] = []
        self._orphans = OrphanWatch()

    def _read_password(self) -> str:
        return password_in(private_directory(self._settings.data_dir / "valkey"))

    def _embedded(self, logs: Path) -> ChildProcess:
        port, directory = self._settings.valkey_port, self._settings.data_dir / "valkey"
        # The password is passed by the standard input: all users can read a command line.
        command = [*server_command(find_server(), port, directory), "-"]
        log, stdin = logs / "valkey.log", f"requirepass {self._password}\n".encode()
        return ChildProcess("valkey", command, {}, log, VALKEY_STOP_SECONDS, stdin)

    def _module(
        self, name: str, shared: dict[str, str], logs: Path, stop_seconds: float
    ) -> ChildProcess:
        command = [sys.executable, "-m", f"queue_{name}"]
        variables = {**shared, "METRICS_PORT": str(self._settings.metrics_ports.get(name, 0))}
        return ChildProcess(name, command, variables, logs / f"{name}.log", stop_seconds)

    async def serve(self) -> bool:
        """Start everything and print the banner; raises ChildEndedError if a process ends."""
        await self._orphans.start()
        if self._valkey is not None:
            await self._start(self._valkey, VALKEY_STOP_SECONDS)
            port, password = self._settings.valkey_port, self._password
            await self._valkey.until_ready(lambda: replies_to_ping(port, password))
        # The worker starts before the API: it stops after it.
        await self._start(self._worker)
        await self._start(self._api)
        await self._api.until_ready(lambda: responds_to_http(self._settings.api_port, "/ready"))
        await self._worker.until_ready(lambda: log_contains(self._worker.log, "worker.ready"))
        await self._start(self._dashboard)
        port = self._settings.dashboard_port
        await self._dashboard.until_ready(lambda: responds_to_http(port, "/health"))
        _print(_banner(self._settings, embedded=self._valkey is not None))
        endings = [asyncio.create_task(part.until_ended()) for part in self._running]
        try:
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for ending in endings:
                ending.cancel()
        for part in self._running:
            part.raise_if_ended()
        return True

    async def _start(self, part: ChildProcess, orphan_seconds: float = ORPHAN_SECONDS) -> None:
        pid = await part.start()
        self._running.append(part)
        await self._orphans.add(pid, orphan_seconds)

    async def stop(self) -> None:
        """Stop all processes, the last started first."""
        while self._running:
            part = self._running[-1]
            _print(f"Stopping the {part.name} ...")
            await part.stop()
            self._running.pop()
        await self._orphans.stop()

    def escalate(self) -> None:
        """Send another SIGTERM to the process that is stopping."""
        if self._running:
            self._running[-1].terminate()


def _check_ports(settings: StandaloneSettings) -> None:
    ports = [("API_PORT", settings.api_port), ("DASHBOARD_PORT", settings.dashboard_port)]
    if not settings.brings_own_redis:
        ports.append(("VALKEY_PORT", settings.valkey_port))
    ports += [("METRICS_PORT", port) for port in settings.metrics_ports.values()]
    for variable, port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                sys.exit(
                    f"Port {port} is in use, perhaps by another `make run`: stop that process, or "
                    f"set {variable} to another port."
                )


def _key_header(settings: StandaloneSettings) -> str:
    """Return the option by which a curl in the same shell sends the root key; it is not shown."""
    if settings.api_root_key is not None:
        return ' -H "Authorization: Bearer $API_ROOT_KEY"'
    if settings.api_root_key_file is not None:
        file = shlex.quote(str(settings.api_root_key_file))
        return f' -H "Authorization: Bearer $(cut -d, -f1 {file})"'
    return ""


def _banner(settings: StandaloneSettings, *, embedded: bool) -> str:
    base = f"http://localhost:{settings.api_port}"
    task = f'{{"url": "{base}/health", "method": "GET"}}'
    data = settings.data_dir
    key = _key_header(settings)
    token = "the first root key that you have set" if key else "none: the API asks for no key"
    metrics = [
        f"http://localhost:{port}/metrics ({name})" for name, port in settings.metrics_ports.items()
    ]
    keeps = f"{data / 'valkey'} (tasks survive a restart)" if embedded else "your own Redis"
    return f"""Queue System is running: open http://localhost:{settings.dashboard_port}

  dashboard  http://localhost:{settings.dashboard_port}, with first steps at /start
  API        {base}, described at {base}/docs
  token      {token}
  metrics    {", ".join(metrics) or "none"}
  data       {keeps}
  logs       {data / "logs"}

Send it a task, for example one to its own health page, and look it up by the response's task_id:

  curl {base}/api/v1/tasks{key} -H 'Content-Type: application/json' -d '{task}'
  curl {base}/api/v1/tasks/TASK_ID{key}

Ctrl-C stops it.
"""


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
