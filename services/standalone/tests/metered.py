"""The real processes with their METRICS_PORT, and its responses."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from queue_testing import free_port, wait_until


@dataclass
class Metered:
    """One process; ``name`` is api or worker."""

    name: str
    directory: Path
    variables: dict[str, str]
    metrics_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> Metered:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"} or k[:8] == "COVERAGE"}
        environment = {
            **kept, "ENV": "production", "API_AUTH": "off", "EGRESS_ALLOW": "127.0.0.0/8",
            "METRICS_PORT": str(self.metrics_port), "API_PORT": str(self.api_port),
            **self.variables, **variables,
        }  # fmt: skip
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"queue_{self.name}"], cwd=self.directory, env=environment,
                stdout=log, stderr=log,
            )  # fmt: skip
        return self

    @property
    def log_file(self) -> Path:
        return self.directory / f"{self.name}-{self.metrics_port}.log"

    def log(self) -> str:
        return self.log_file.read_text()

    async def ask(self, path: str, method: str = "GET") -> httpx.Response:
        async with httpx.AsyncClient(timeout=10) as client:
            return await client.request(method, f"http://127.0.0.1:{self.metrics_port}{path}")

    async def post(self, *, project: str = "default", **task: object) -> httpx.Response:
        async with httpx.AsyncClient(timeout=20) as client:
            url = f"http://127.0.0.1:{self.api_port}/api/v1/tasks"
            return await client.post(url, json=task, headers={"X-Project": project})

    async def until(self, path: str, status: int) -> httpx.Response:
        async def responses() -> httpx.Response | None:
            with suppress(httpx.HTTPError):
                response = await self.ask(path)
                if response.status_code == status:
                    return response
            return None

        try:
            found = await wait_until(responses, f"{self.name}'s {path} answers {status}", 30)
        except AssertionError as error:
            error.add_note(self.log()[-2000:])
            raise
        assert found is not None
        return found

    async def families(self) -> dict[str, Family]:
        """Return what /metrics tells, by name."""
        text = (await self.ask("/metrics")).text
        return {family.name: family for family in text_string_to_metric_families(text)}

    async def value(self, sample: str, **labels: str) -> float | None:
        """Return the sum of the samples of this name that have the labels; None for none."""
        found = [
            read.value
            for family in (await self.families()).values()
            for read in family.samples
            if read.name == sample and labels.items() <= read.labels.items()
        ]
        return sum(found) if found else None

    async def until_value(self, value: float | None, sample: str, **labels: str) -> None:
        """Return once a sample has this value."""

        async def has() -> bool:
            seen = await self.value(sample, **labels)
            return seen == value

        await wait_until(has, f"{self.name}: {sample} {labels} is {value}", 20)

    def signal(self, signum: int) -> None:
        assert self.process is not None
        self.process.send_signal(signum)

    async def ended(self) -> int:
        """Return the exit code once the process has ended."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 30)

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(30)
