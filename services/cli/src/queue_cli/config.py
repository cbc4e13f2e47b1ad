"""Profiles: addresses and tokens under a name, in a file that only its owner may read."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from .failures import USAGE, CommandError

__all__ = ["config_path", "read_config", "read_profile", "write_config"]

FOR_THE_OWNER_ALONE = 0o600


def config_path() -> Path:
    """Return where the profiles are: below XDG_CONFIG_HOME, else ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "queue" / "config.toml"


def read_config() -> dict[str, Any]:
    """Return what the file has; without a file nothing."""
    path = config_path()
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is no TOML: {error}"
        raise CommandError(msg, USAGE) from None


def read_profile(name: str | None) -> dict[str, str]:
    """Return a profile; None is the one in use, if there is one."""
    config = read_config()
    profiles = config.get("profiles", {})
    name = name or config.get("use")
    if name is None:
        return {}
    if name not in profiles:
        known = ", ".join(profiles) or "none"
        msg = f"there is no profile {name!r} (there are: {known}): `queue profiles set {name}`"
        raise CommandError(msg, USAGE)
    return dict(profiles[name])


def write_config(text: str) -> None:
    """Replace the file as a whole."""
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.touch(FOR_THE_OWNER_ALONE)
    new.write_text(text)
    new.replace(path)
