"""Runs SAQ's own tests of queue, job and worker on our adapter.

They come with SAQ's source distribution, of the version in ``uv.lock``. Those in ``EXCEPTIONS``
must fail, all others must pass, except that those in ``TIMED`` are shown and not judged; the README
of queue-common gives the reason of each exception.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

from queue_standalone.valkey import find_server
from queue_testing import RedisServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUITES = ("queue", "job", "worker")
EXCEPTIONS = {
    "TestRedisQueue.test_abort",
    "TestRedisQueue.test_enqueue_dup",
    "TestRedisQueue.test_enqueue_scheduled",
    "TestRedisQueue.test_finish_ttl_neutral",
    "TestRedisQueue.test_iter_jobs",
    "TestRedisQueue.test_job_key",
    "TestRedisQueue.test_schedule",
    "TestRedisQueue.test_sweep",
    "TestWorkerRedisQueue.test_abort",
    "TestWorkerRedisQueue.test_cron",
    "TestWorkerRedisQueue.test_schedule",
}
TIMED = {
    "TestWorkerRedisQueue.test_burst",
    "TestWorkerRedisQueue.test_max_burst_jobs",
    "TestWorkerRedisQueue.test_start",
    "TestWorkerRedisQueue.test_stop",
}
"""These sleep for 50 to 500 ms and then expect an outcome: a busy machine may be later."""
DEPENDENCIES = ("psycopg[binary,pool]>=3.2,<4", "time-machine>=2.16,<4", "pandas>=2.2,<4")


def main() -> int:
    """Return 0 if exactly the exceptions fail, whatever the timed ones do."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _unpack(place)
        server = RedisServer(find_server(), place).start()
        try:
            _run(place, server.address)
        finally:
            server.stop()
        passed, failed = _results(place / "results.xml")
    print(f"{len(passed)} passed, {len(failed)} failed")  # noqa: T201
    for name in sorted(failed ^ EXCEPTIONS):
        print(f"{name}: {'fails' if name in failed else 'passes'}, unlike expected")  # noqa: T201
    return int(failed - TIMED != EXCEPTIONS or len(passed) < 50)


def _unpack(place: Path) -> None:
    pip = [str(ROOT / ".tools/bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--no-binary", ":all:", f"saq=={version('saq')}"]
    subprocess.run([*pip, "download", *wanted, "--dest", str(place)], check=True)
    (archive,) = place.glob("saq-*.tar.gz")
    shutil.unpack_archive(archive, place)
    suites = place / "tests"
    suites.mkdir()
    for name in SUITES:
        (archive.with_suffix("").with_suffix("") / f"tests/test_{name}.py").rename(
            suites / f"test_{name}.py"
        )
    (suites / "__init__.py").touch()
    (suites / "helpers.py").write_text((HERE / "helpers.py").read_text())


def _run(place: Path, address: str) -> None:
    command = [str(ROOT / ".tools/bin/uv"), "run", "--quiet", "--project", str(ROOT), "--locked"]
    command += [word for name in DEPENDENCIES for word in ("--with", name)]
    command += ["pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout=30"]
    command += ["-o", "filterwarnings=ignore", "-o", "asyncio_mode=strict", "--no-header"]
    command += ["--tb=no", f"--rootdir={place}", f"--junitxml={place}/results.xml"]
    command += ["-k", "RedisQueue or QueueError", f"{place}/tests"]
    environment = {**os.environ, "REDIS_ADDR": address, "PYTHONPATH": str(place)}
    environment.pop("PYTEST_ADDOPTS", None)
    subprocess.run(command, cwd=place, env=environment, check=False)


def _results(report: Path) -> tuple[set[str], set[str]]:
    passed: set[str] = set()
    failed: set[str] = set()
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        (failed if bad else passed).add(name)
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
