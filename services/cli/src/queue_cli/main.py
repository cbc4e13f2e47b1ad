"""Runs a command and turns what went wrong into one sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run ``queue`` with the arguments of this process."""
    # While modules are loaded Ctrl-C ends the process as it ends others, with no traceback.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "SIGPIPE"):
        # `queue tail | head -1` ends in silence, as other commands of a pipe do.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding has no character for is shown escaped.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from .run import run

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = run()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
