"""Single keys of a terminal, while a command runs."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["pressed_keys"]


@contextmanager
def pressed_keys(on_key: Callable[[str], None]) -> Iterator[bool]:
    """Call ``on_key`` with each key; yields False where there is no terminal to press them on."""
    if not (sys.stdin.isatty() and sys.platform != "win32"):
        yield False
        return
    import termios
    import tty

    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    loop = asyncio.get_running_loop()
    tty.setcbreak(stdin)
    loop.add_reader(stdin, lambda: on_key(sys.stdin.read(1)))
    try:
        yield True
    finally:
        loop.remove_reader(stdin)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
