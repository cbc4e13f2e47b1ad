from __future__ import annotations

import re

import pytest

from .files import CASES, DASHBOARD, PAGE, RULES, Alert, alerts, cases
from .promtool import needs_promtool, promtool

ALERTS = alerts()
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def sections() -> dict[str, str]:
    """The page's sections of the second order and below, by their headings."""
    parts = re.split(r"^##+ (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    """The rules are Prometheus rules."""
    content, says = promtool("check", "rules", str(RULES))

    assert content, says
    assert f"{len(ALERTS)} rules found" in says


@needs_promtool
def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    """Every case of alerts/tests comes out as it says, to the word of the annotations."""
    content, says = promtool("test", "rules", *map(str, CASES))

    assert content, says


@each_alert
def test_an_alert_has_cases_for_both(alert: Alert) -> None:
    """Each alert is tested for when it fires, and in a story of its own for when it must not."""
    firing = {case.story for case in cases() if case.alert == alert.name and case.fires}
    silent = {case.story for case in cases() if case.alert == alert.name and not case.fires}

    assert firing
    assert silent - firing


def test_every_case_is_of_an_alert_there_is() -> None:
    """No case asks for a misspelt alert, which would never fire."""
    assert {case.alert for case in cases()} <= {alert.name for alert in ALERTS}


@each_alert
def test_an_alert_tells_what_an_operator_needs(alert: Alert) -> None:
    """Each alert waits, has a severity, says what is wrong and how much, and where help is."""
    assert re.fullmatch(r"\d+m", alert.hold)
    assert alert.severity in {"warning", "critical"}
    assert set(alert.annotations) == {"summary", "description", "runbook"}
    assert alert.annotations["runbook"] == f"docs/alerts.md#{alert.name.lower()}"


@each_alert
def test_the_page_helps_with_an_alert(alert: Alert) -> None:
    """Each alert has a section that says what it means, what to look at and what to do."""
    section = sections()[alert.name]

    for part in ("**Means.**", "**Look at.**", "**Do.**"):
        assert part in section


def test_the_page_speaks_of_alerts_there_are() -> None:
    """No section, and no panel of the dashboard, is left over from an alert that has gone."""
    spoken_of = set(re.findall(r"\bQueueSystem[A-Z]\w+", PAGE.read_text() + DASHBOARD.read_text()))

    assert spoken_of == {alert.name for alert in ALERTS}


def test_nothing_of_helm_is_in_the_rules() -> None:
    """The rules are what they are without Helm: `{{` stands for Prometheus' templates alone."""
    templates = re.findall(r"\{\{-? *([^ }]+)", RULES.read_text())

    assert [t for t in templates if not re.fullmatch(r"\$labels\.\w+|\$value|printf", t)] == []
