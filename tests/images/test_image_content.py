"""What is in the images, and what is not."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .conftest import ROOT, reference, version
from .containers import docker

MAX_BYTES_OVER_THE_BASE = 90_000_000
LABEL = "org.opencontainers.image."
TOOLS = ("uv", "pip", "pip3", "gcc", "cc", "g++", "make", "git", "curl")


def config(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", "-f", "{{json .Config}}", image))
    return found


def python(image: str, program: str) -> list[str]:
    return docker("run", "--rm", "--entrypoint=python", image, "-Ic", program).splitlines()


def found(image: str, *modules: str) -> list[str]:
    """Those of the modules that the image's Python can import."""
    program = f"import importlib.util as u; print(*[m for m in {modules} if u.find_spec(m)])"
    return " ".join(python(image, program)).split()


def test_it_runs_as_a_numbered_user_without_a_shell(image: str, service: str) -> None:
    """The user is a number other than root's, and the entrypoint the service itself."""
    found = config(image)

    assert found["User"] == "10001:10001"
    assert found["Entrypoint"] == [f"queue-{service}"]
    assert not found.get("Cmd")


def test_its_labels_say_what_it_is(image: str, service: str) -> None:
    """The OCI labels hold title, version and the commit that was built."""
    labels = config(image)["Labels"]
    commit = subprocess.check_output(["git", "-C", ROOT, "rev-parse", "HEAD"], text=True)

    assert labels[f"{LABEL}title"] == f"queue-{service}"
    assert labels[f"{LABEL}version"] == version(service)
    assert labels[f"{LABEL}revision"] == commit.strip()
    assert labels[f"{LABEL}created"]


def test_it_adds_little_to_its_base(image: str) -> None:
    """The layers over the Python image stay within their budget."""
    history = docker("history", "--no-trunc", "--human=false", "--format={{json .}}", image)
    layers = [json.loads(line) for line in history.splitlines()]  # newest first
    environment = next(
        i for i, layer in enumerate(layers) if "/opt/venv /opt/venv" in layer["CreatedBy"]
    )
    added = sum(int(layer["Size"]) for layer in layers[: environment + 1])

    assert 10_000_000 < added < MAX_BYTES_OVER_THE_BASE


def test_it_holds_no_tools_and_no_checkout(image: str) -> None:
    """Installers, compilers and the build's working directory are not in the image."""
    tools = f"import shutil; print([t for t in {TOOLS} if shutil.which(t)])"

    assert python(image, tools) == ["[]"]
    assert found(image, "pip", "ensurepip", "uv") == []
    assert python(image, "import os; print(os.path.exists('/app'))") == ["False"]


def test_it_holds_no_tests(image: str) -> None:
    """Neither pytest nor our own test library is installed in the image."""
    assert found(image, "pytest", "queue_testing") == []


def test_each_holds_nothing_of_the_other() -> None:
    """What only one service needs is not in the other's image."""
    assert found(reference("api"), "queue_api", "queue_worker", "httpx") == ["queue_api"]
    assert found(reference("worker"), "queue_worker", "queue_api", "fastapi") == ["queue_worker"]
    assert found(reference("dashboard"), "queue_dashboard", "queue_common", "redis") == [
        "queue_dashboard"
    ]


def test_its_sbom_names_all_that_is_in_it(image: str, service: str) -> None:
    """Each distribution that is installed is in what `make sbom` writes, with its version."""
    subprocess.run(["make", "--silent", "-C", str(ROOT), "sbom"], check=True, capture_output=True)
    bom = json.loads((ROOT / f"dist/queue-{service}.cdx.json").read_text())
    parts = [*bom["components"], bom["metadata"]["component"]]
    known = {f"{part['name']} {part['version']}" for part in parts}
    program = (
        "from importlib.metadata import distributions as d; "
        "print(*(x.name.lower().replace('_', '-') + ' ' + x.version for x in d()), sep='\\n')"
    )
    installed = set(python(image, program))

    assert len(installed) > 20
    assert installed <= known


def test_it_is_for_production_and_its_network(image: str, service: str) -> None:
    """Without a setting it runs as in production, and is reached by its network."""
    environment = set(config(image)["Env"])
    hosts = {"DASHBOARD_HOST=::"} if service == "dashboard" else {"API_HOST=::", "METRICS_HOST=::"}

    assert {"ENV=production", *hosts} <= environment


def test_nothing_is_compiled_at_the_start(image: str, service: str) -> None:
    """All that a start imports has its bytecode in the image, Python's own library included."""
    program = (
        f"import queue_{service}.__main__, os, sys; print([m.__name__ for m in sys.modules.values()"
        " if getattr(m, '__cached__', None) and not os.path.exists(m.__cached__)])"
    )

    assert python(image, program) == ["[]"]


def test_the_dockerfiles_differ_in_names_alone() -> None:
    """What is mended in one service's Dockerfile is mended in the others'."""
    skipped = (
        "EXPOSE",
        "      org.opencontainers.image.description",
        "    API_HOST",
        "    METRICS_",
    )
    plain = [
        [
            line.replace(name, "SERVICE").replace(library, "LIBRARY")
            for line in (ROOT / "services" / name / "Dockerfile").read_text().splitlines()
            if not line.startswith((*skipped, "    DASHBOARD_HOST"))
        ]
        for name, library in (("api", "common"), ("worker", "common"), ("dashboard", "client"))
    ]

    assert plain[0] == plain[1] == plain[2]
