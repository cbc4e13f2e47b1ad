"""How much memory a worker may use, read from the system."""

from __future__ import annotations

from pathlib import Path

import pytest

from queue_common.settings import load
from queue_worker.memory import memory_limit
from queue_worker.settings import WorkerSettings

MIB = 1 << 20
LIMITS: dict[str, tuple[dict[str, str], str, int]] = {
    "version 2, in a container": ({"memory.max": f"{512 * MIB}\n"}, "0::/", 512),
    "version 2, in a group above": (
        {"memory.max": "max\n", "a/memory.max": f"{300 * MIB}\n", "a/b/memory.max": "max\n"},
        "0::/a/b",
        300,
    ),
    "version 1, in a container": (
        {"memory/memory.limit_in_bytes": f"{256 * MIB}\n"},
        "4:memory:/docker/x",
        256,
    ),
    "version 1, on a machine": (
        {
            "memory/memory.limit_in_bytes": f"{(1 << 63) - 4096}\n",
            "memory/unit/memory.limit_in_bytes": f"{128 * MIB}\n",
        },
        "9:cpu:/\n4:memory:/unit\n0::/",
        128,
    ),
}


@pytest.mark.parametrize(("files", "own", "mib"), LIMITS.values(), ids=LIMITS)
def test_the_least_limit_of_the_cgroups_holds(
    tmp_path: Path, files: dict[str, str], own: str, mib: int
) -> None:
    """The limit is found in both versions of cgroups, in a container and outside of one."""
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "own").write_text(own)

    assert memory_limit(tmp_path / "cgroup", tmp_path / "own") == mib * MIB


def test_a_machine_without_limits_is_shared(tmp_path: Path) -> None:
    """Without a limit at most 1 GiB is used, whatever the machine has."""
    assert 0 < memory_limit(tmp_path, tmp_path / "none") <= 1 << 30


def test_the_variable_takes_the_place_of_what_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    """WORKER_MAX_IN_FLIGHT_BYTES is taken as it is; without it there are 16 MiB at least."""
    derived = load(WorkerSettings).max_bytes()
    monkeypatch.setenv("WORKER_MAX_IN_FLIGHT_BYTES", "20MiB")

    assert derived >= 16 * MIB
    assert load(WorkerSettings).max_bytes() == 20 * MIB
