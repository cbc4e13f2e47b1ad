from __future__ import annotations

import difflib

from ..harness.system import System


async def test_an_upgrade_without_a_change_plans_none(system: System) -> None:
    """What `helm upgrade --dry-run=server` would apply is what is there, secrets included."""
    planned, applied = await system.release.planned(), await system.release.manifest()
    before, after = applied.strip().splitlines(), planned.strip().splitlines()

    assert list(difflib.unified_diff(before, after, lineterm="")) == []
