from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from .files import dashboard, panel_expressions, panels, substituted
from .promql import grouped_by
from .promtool import needs_promtool, promtool

COLUMNS = 24
_LABEL = re.compile(r"\{\{ ?(\S+?) ?\}\}")
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
GROUPS = [
    "Now", "Backlog and age", "Throughput and outcomes", "Latency", "Delivery failures",
    "Workers and leases", "Redis", "API", "Telemetry health",
]  # fmt: skip


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in ("xw", "yh"))


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """It has no id of an installation, and asks for the data source when it is opened."""
    document = dashboard()
    shown = [panel for panel in panels() if panel["type"] != "row"]
    variables = {variable["name"]: variable for variable in document["templating"]["list"]}

    assert document["id"] is None
    assert document["uid"] == "queue-system"
    assert list(variables) == ["datasource", "namespace", "queue"]
    assert variables["datasource"]["type"] == "datasource"
    assert all(panel["datasource"] == PROMETHEUS for panel in shown)
    assert all(target["datasource"] == PROMETHEUS for p in shown for target in p["targets"])


def test_the_groups_stand_in_the_order_of_the_questions() -> None:
    """What is wrong now comes first, then what waits, then why."""
    assert [panel["title"] for panel in panels() if panel["type"] == "row"] == GROUPS


def test_panels_can_be_told_apart() -> None:
    """No two panels have one id or one title, and each says what it shows."""
    shown = [panel for panel in panels() if panel["type"] != "row"]

    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len({panel["title"] for panel in shown}) == len(shown)
    assert all(panel["description"] for panel in shown)


def test_panels_stand_beside_each_other() -> None:
    """No panel covers another or sticks out."""
    assert [(a["title"], b["title"]) for a, b in combinations(panels(), 2) if overlap(a, b)] == []
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= COLUMNS for p in panels())


def test_every_variable_has_a_value() -> None:
    """An expression names no variable that the dashboard does not have."""
    assert [e for _, e in panel_expressions() if "$" in substituted(e)] == []


def test_a_legend_names_what_its_expression_leaves() -> None:
    """A label in a legend is one that its expression groups by; any other would be empty."""
    shown = [target for panel in panels() for target in panel.get("targets", ())]
    wrong = {
        target["expr"]: empty
        for target in shown
        if (empty := set(_LABEL.findall(target["legendFormat"])) - grouped_by(target["expr"]))
    }

    assert wrong == {}


@needs_promtool
def test_promtool_reads_every_expression(tmp_path: Path) -> None:
    """Every expression of the dashboard is one that Prometheus understands."""
    annotations = [entry["expr"] for entry in dashboard()["annotations"]["list"]]
    expressions = [substituted(e) for _, e in panel_expressions()] + annotations
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "panels.rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    content, says = promtool("check", "rules", str(path))

    assert content, says
    assert f"{len(expressions)} rules found" in says
