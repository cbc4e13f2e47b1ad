from __future__ import annotations

import pytest

from ..harness.profiles import PROFILES
from ..harness.system import System


@pytest.mark.profiles(*PROFILES)
async def test_helm_test_passes(system: System) -> None:
    """`helm test` sends a task and sees it delivered."""
    said = await system.release.test()

    assert "Succeeded" in said
