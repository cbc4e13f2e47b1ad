"""Runs a command and turns what went wrong into one sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys

from .root import command

__all__ = ["main"]


def main() -> None:
    """Run ``queue`` with the arguments of this process."""
    if hasattr(signal, "SIGPIPE"):
        # `queue tail | head -1` ends in silence, as other commands of a pipe do.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]
    try:
        command().main(prog_name="queue")
    except Exception as error:
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    from .failures import describe

    sentence, code = describe(error)
    sys.stderr.write(f"queue: {sentence}\n")
    return code
