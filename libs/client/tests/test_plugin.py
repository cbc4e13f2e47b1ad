from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def test_the_fixtures_are_there_without_a_word(pytester: pytest.Pytester) -> None:
    """A project that installs the client has its fixtures in its tests."""
    pytester.makepyfile("""
        def test_order(fake_queue, queue_client):
            queue_client.send("https://example.com")
            assert len(fake_queue.sent) == 1
    """)

    result = pytester.runpytest_subprocess("-q")

    result.assert_outcomes(passed=1)
