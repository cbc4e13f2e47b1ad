"""Python's garbage collector, as the processes set it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from queue_common.garbage import hold_garbage_collector, tune_garbage_collector
hold_garbage_collector()
held = not gc.isenabled()
tune_garbage_collector()
print(held, gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_it_is_held_until_it_is_tuned() -> None:
    """No garbage is looked for until the tuning; from then on it is, among what is made since."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert ran.stdout == "True True True\n"
