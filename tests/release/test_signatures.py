from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .conftest import release
from .tools import found

OFFLINE = "--insecure-ignore-tlog=true"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new key of cosign's, which the release finds; the transparency log is left out."""
    program = found("cosign")
    if program is None:
        pytest.skip("no cosign on PATH")
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    subprocess.run([str(program), "generate-key-pair"], cwd=tmp_path, check=True)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("COSIGN_KEY", str(tmp_path / "cosign.key"))
    monkeypatch.setenv("COSIGN_FLAGS", "--tlog-upload=false")
    return tmp_path / "cosign.pub"


def verify(*arguments: str | Path) -> int:
    """Run cosign's check and return its exit code."""
    command = [str(found("cosign")), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_what_is_pushed_is_signed(key: Path, registry: str, released: Path) -> None:
    """The chart in the registry and the checksums have the key's signature, and only these do."""
    said = release("--registry", registry, "--no-images")
    [chart] = re.findall(r"^pushed (\S+)$", said, re.MULTILINE)
    sums, signature = released / "SHA256SUMS", released / "SHA256SUMS.sig"
    blob = ("verify-blob", "--key", key, OFFLINE, "--signature", signature)

    assert verify("verify", "--key", key, OFFLINE, "--allow-http-registry", chart) == 0
    assert verify(*blob, sums) == 0
    assert verify(*blob, released / "RELEASE.md") != 0
    signature.unlink()
