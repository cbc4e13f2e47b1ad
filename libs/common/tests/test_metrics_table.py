"""The table of metrics, and that the page about them says what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from queue_common.metrics.catalog import DELIVERY_DURATION, METRICS, PROCESS_DURATION, START_DELAY
from queue_common.metrics.metric import Kind, Metric
from queue_common.metrics.redis_catalog import REDIS_UP

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
SECTION = re.compile(r"^### `(\w+)`\n(.*?)\.\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, tuple[str, str]]:
    """Return by each metric's name the line of what it is, and what the page says of it."""
    return {name: (head, text) for name, head, text in SECTION.findall(PAGE.read_text())}


def head(metric: Metric) -> str:
    unit = {"s": " in s", "By": " in bytes", "": ", 0 or 1"}.get(
        metric.unit, f"{' of' if metric.kind is not Kind.HISTOGRAM else ''} {metric.unit}"
    )
    source = "each pod its own" if metric is REDIS_UP else metric.source.value
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{metric.name}`, {metric.kind}{unit}, {source}" + (f"; {labels}" if labels else "")


def test_the_page_has_all_metrics_and_no_other() -> None:
    """docs/metrics.md has a section for each metric there is."""
    assert set(sections()) == {metric.prometheus_name for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_page_says_what_a_metric_is(metric: Metric) -> None:
    """A metric's section begins with its name, kind, unit, source and labels, as in the table."""
    line, text = sections()[metric.prometheus_name]

    assert " ".join(line.split()) == head(metric)
    assert len(text.split()) > 5


def test_the_names_are_those_that_rules_and_dashboards_use() -> None:
    """Prometheus' names and labels are an interface: none changes by the way."""
    assert {f"{m.prometheus_name}{{{','.join(m.labels)}}}" for m in METRICS} == {
        "http_server_request_duration_seconds"
        "{http_request_method,http_route,http_response_status_code}",
        "http_client_request_duration_seconds"
        "{http_request_method,http_response_status_code,error_type}",
        "messaging_client_sent_messages_total{messaging_destination_name,error_type}",
        "messaging_client_consumed_messages_total{messaging_destination_name}",
        "messaging_process_duration_seconds{messaging_destination_name,error_type}",
        "queue_api_refusals_total{reason}",
        "queue_tasks{queue,state}",
        "queue_lane_tasks{queue,lane,state}",
        "queue_lanes{queue,state}",
        "queue_project_tasks{queue,project,state}",
        "queue_deferred_attempts_total{queue}",
        "queue_oldest_waiting_age_seconds{queue}",
        "queue_workers{queue}",
        "queue_start_delay_seconds{queue}",
        "queue_attempts_total{queue,outcome}",
        "queue_retries_total{queue}",
        "queue_dead_letters_total{queue}",
        "queue_outbox_tasks{queue}",
        "queue_backlog_tasks{queue}",
        "queue_suspects{queue}",
        "queue_leases_lost_total{queue}",
        "queue_tasks_given_back_total{queue,reason}",
        "queue_egress_refusals_total{queue}",
        "queue_dns_failures_total{queue,reason}",
        "queue_in_flight_size_bytes{queue}",
        "queue_in_flight_size_limit_bytes{queue}",
        "queue_settled_size_bytes{queue,kind}",
        "queue_settled_size_limit_bytes{queue,kind}",
        "queue_removed_by_bound_total{queue,kind}",
        "queue_spans_dropped_total{}",
        "db_client_operation_duration_seconds{db_operation_name}",
        "queue_event_loop_lag_seconds{}",
        "queue_redis_persistence_ok{queue}",
        "queue_redis_up{}",
    }


@pytest.mark.parametrize("metric", [DELIVERY_DURATION, PROCESS_DURATION, START_DELAY])
def test_an_attempt_is_measured_up_to_the_longest_timeout(metric: Metric) -> None:
    """Histograms tell attempts of one minute from those that take half an hour."""
    assert {60, 300, 1800} <= set(metric.buckets)
