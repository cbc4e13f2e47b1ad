"""Docker's command line, and containers that a test starts."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import dataclass
from typing import Any

__all__ = ["Container", "docker", "run"]

# What the chart gives every pod, so what an image must be able to live with.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


def docker(*arguments: str) -> str:
    """Run a docker command and return what it printed; a failure raises with what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """A container that was started; ``remove`` it."""

    name: str

    def logs(self) -> str:
        """All it wrote, to both of its outputs."""
        done = subprocess.run(
            ["docker", "logs", self.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        return done.stdout

    def address(self, port: int) -> str:
        """Where this machine reaches one of its published ports, as host:port."""
        return docker("port", self.name, str(port)).splitlines()[0]

    def state(self) -> dict[str, Any]:
        """Docker's view of its process: Status, ExitCode and others."""
        state: dict[str, Any] = json.loads(docker("inspect", "-f", "{{json .State}}", self.name))
        return state

    def exit_code(self) -> int:
        """Wait for its end."""
        return int(docker("wait", self.name))

    def remove(self) -> None:
        """Kill it, where it still runs, and forget it."""
        docker("rm", "--force", "--volumes", self.name)


def run(image: str, *options: str, **environment: str) -> Container:
    """Start a container as the chart would, with further options of ``docker run``."""
    name = f"images-test-{uuid.uuid4().hex[:12]}"
    variables = [f"--env={key}={value}" for key, value in environment.items()]
    docker("run", "--detach", f"--name={name}", *HARDENED, *variables, *options, image)
    return Container(name)
