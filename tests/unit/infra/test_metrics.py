"""Every metric is named as Prometheus wants it, explained, and bounded in its labels."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from infra.telemetry import generation_metrics, metrics
from infra.telemetry.state_metrics import STATE_GAUGES
from schemas.errors import SettingsError

DECLARED = [
    value
    for module in (metrics, generation_metrics)
    for value in vars(module).values()
    if isinstance(value, MetricWrapperBase)
]
# What the operator asks for by name, and bounds by it.
BY_REQUEST = {"genq_tenant_jobs", "genq_tenant_budget_used_ratio"}


def families() -> Iterator[tuple[str, str, str]]:
    for metric in DECLARED:
        for family in metric.describe():
            yield family.name, family.type, family.documentation
    for gauge in STATE_GAUGES:
        yield gauge.name, "gauge", gauge.meaning


def test_names_and_units_are_those_that_prometheus_lints_for() -> None:
    found = list(families())

    assert len(found) >= 40
    assert len({name for name, _, _ in found}) == len(found)
    for name, kind, _ in found:
        assert re.fullmatch(r"(genq|genai)_[a-z][a-z_]*[a-z]", name)
        assert not re.search(r"_(count|sum|bucket|total|ms|milliseconds|minutes)$", name)
        if kind == "histogram":
            assert name.endswith(("_seconds", "_rows", "_score"))


def test_every_metric_says_what_it_means() -> None:
    for name, _, documentation in families():
        assert len(documentation) > 15, name
        assert documentation.endswith("."), name


def test_no_label_names_a_tenant_a_user_or_a_job() -> None:
    labels = {label for metric in DECLARED for label in vars(metric)["_labelnames"]}
    labels |= {
        label
        for gauge in STATE_GAUGES
        if gauge.name not in BY_REQUEST
        for label in gauge.labels
    }

    assert {"lane", "kind", "outcome", "route", "model"} <= labels
    assert not {"tenant", "tenant_id", "user", "user_id", "end_user", "job", "url"} & labels
    assert not {"path", "worker", "host", "pid", "origin"} & labels


def test_the_names_that_dashboards_of_generative_ai_know_are_there() -> None:
    assert {name for name, _, _ in families() if name.startswith("genai_")} == {
        "genai_active_users",
        "genai_content_quality_score",
        "genai_errors",
        "genai_generation_duration_seconds",
        "genai_generation_requests",
        "genai_safety_violations",
    }


def test_the_page_parses_and_holds_the_version() -> None:
    page = generate_latest().decode()

    names = {family.name for family in text_string_to_metric_families(page)}
    states = {gauge.name for gauge in STATE_GAUGES}

    assert {name for name, _, _ in families()} - names - states == {"genq_build"}
    # A worker knows nothing of what only the database knows.
    assert not states & names
    assert 'genq_build_info{version="' in page


def test_the_page_is_served_on_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    program = (
        "import sys, urllib.request\n"
        "from infra.telemetry.metrics import serve_metrics\n"
        "serve_metrics(int(sys.argv[1]))\n"
        "url = f'http://127.0.0.1:{sys.argv[1]}/metrics'\n"
        "print(urllib.request.urlopen(url, timeout=10).read().decode())\n"
    )
    page = subprocess.run(
        [sys.executable, "-c", program, port], capture_output=True, check=True, timeout=60
    ).stdout

    assert b"genq_worker_slots 0.0" in page


def test_port_zero_serves_nothing() -> None:
    metrics.serve_metrics(0)


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"GENQ_METRICS_PORT={port} cannot be opened"):
            metrics.serve_metrics(port)
