"""Python's garbage collector, set for processes that live long and make much."""

from __future__ import annotations

import gc

__all__ = ["hold_garbage_collector", "tune_garbage_collector"]

YOUNG_MOST = 20_000
"""Objects made before the young ones are looked through; Python's default is 700, which a task's
few hundred reach every other time, although reference counting has freed nearly all of them."""


def hold_garbage_collector() -> None:
    """Look for no cycles until ``tune_garbage_collector``: while imports run, a quarter of theirs.

    What cycles they leave behind is 1 MB, and stays.
    """
    gc.disable()


def tune_garbage_collector() -> None:
    """Look for cycles more rarely, and never among what the imports have made.

    Called once, when all is imported.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_MOST, 20, 20)
    gc.enable()
