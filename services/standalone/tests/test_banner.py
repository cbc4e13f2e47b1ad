"""The first command that `make run` shows."""

from __future__ import annotations

from pathlib import Path

from queue_standalone.settings import StandaloneSettings
from queue_standalone.system import _banner


def test_the_first_command_carries_the_key_of_a_file(tmp_path: Path) -> None:
    """With API_ROOT_KEY_FILE the curl reads the key from the file; the key itself is not shown."""
    file = tmp_path / "a key"
    file.write_text("k" * 40)
    banner = _banner(StandaloneSettings(api_root_key_file=file), embedded=True)

    assert f"-H \"Authorization: Bearer $(cut -d, -f1 '{file}')\"" in banner
    assert "kkk" not in banner
