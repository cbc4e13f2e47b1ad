"""Python's garbage collector, set for processes that live long and make much."""

from __future__ import annotations

import gc

__all__ = ["tune_garbage_collector"]

YOUNG_MOST = 20_000
"""Objects made before the young ones are looked through; Python's default is 700, which a task's
few hundred reach every other time, although reference counting has freed nearly all of them."""


def tune_garbage_collector() -> None:
    """Look for cycles more rarely, and never again among what the imports have made.

    Called once, when all is imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MOST, 20, 20)
