"""Whether the cases would notice a rule that is wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from .files import CASES, RULES, alerts, rules_document
from .promtool import needs_promtool, promtool

NAMES = {alert.name for alert in alerts()}
_FAILED = re.compile(r"alertname: (\w+), time: \S+ *\n +exp:\[(\]?)")


def failures(directory: Path, field: str, value: str) -> set[tuple[str, bool]]:
    """Alerts whose cases fail when all rules have this value; with each, whether it should fire."""
    document = rules_document()
    for group in document["groups"]:
        for rule in group["rules"]:
            rule[field] = value
    (directory / RULES.name).write_text(yaml.safe_dump(document))
    (directory / "tests").mkdir()
    copies = [shutil.copy(path, directory / "tests") for path in CASES]
    content, says = promtool("test", "rules", *map(str, copies))
    assert not content
    return {(name, not bracket) for name, bracket in _FAILED.findall(says)}


@needs_promtool
@pytest.mark.parametrize(
    ("field", "value", "should_fire"),
    [
        pytest.param("expr", "vector(1) < 0", True, id="never fires"),
        pytest.param("expr", "vector(1)", False, id="always fires"),
        pytest.param("for", "0s", False, id="does not wait"),
        pytest.param("for", "24h", True, id="waits too long"),
    ],
)
def test_the_cases_notice_a_wrong_rule(
    tmp_path: Path, field: str, value: str, should_fire: bool
) -> None:
    """A rule that never fires, always fires, or waits too little or too long, fails its cases."""
    noticed = {name for name, fires in failures(tmp_path, field, value) if fires is should_fire}

    assert noticed == NAMES
