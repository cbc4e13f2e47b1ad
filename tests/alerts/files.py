"""What the chart tells an operator with, read from its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/queue-system"
RULES = CHART / "alerts/queue-system.rules.yaml"
CASES = sorted((CHART / "alerts/tests").glob("*.yaml"))
DASHBOARD = CHART / "dashboards/queue-system.json"
PAGE = ROOT / "docs/alerts.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as its rule has it."""

    name: str
    expression: str
    hold: str
    severity: str
    annotations: dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One question of promtool's tests: at this time, whether the alert fires."""

    story: str
    alert: str
    fires: bool


def rules_document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(RULES.read_text())
    return document


def rules() -> list[dict[str, Any]]:
    return [rule for group in rules_document()["groups"] for rule in group["rules"]]


@cache
def alerts() -> tuple[Alert, ...]:
    return tuple(
        Alert(
            rule["alert"], rule["expr"], rule.get("for", ""),
            rule.get("labels", {}).get("severity", ""), rule.get("annotations", {}),
        )
        for rule in rules()
    )  # fmt: skip


@cache
def cases() -> tuple[Case, ...]:
    return tuple(
        Case(group["name"], question["alertname"], bool(question["exp_alerts"]))
        for path in CASES
        for group in yaml.safe_load(path.read_text())["tests"]
        for question in group["alert_rule_test"]
    )


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def panels() -> list[dict[str, Any]]:
    """All panels, those within collapsed rows too."""
    return [panel for top in dashboard()["panels"] for panel in (top, *top.get("panels", ()))]


def panel_expressions() -> Iterator[tuple[str, str]]:
    """Each panel's title with each of its expressions."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def substituted(expression: str) -> str:
    """The expression as Grafana sends it: with a value for each variable."""
    for variable, value in {
        "$namespace": ".*",
        "$queue": ".*",
        "$__rate_interval": "5m",
    }.items():
        expression = expression.replace(variable, value)
    return expression
