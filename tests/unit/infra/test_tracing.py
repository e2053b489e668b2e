"""Traces are off unless they are wanted, say why, and every line names the span it was in."""

import json
import subprocess
import sys
from typing import Final, Literal

import pytest

from infra.settings import Settings
from infra.telemetry.tracing import NO_SPAN, TRACING, configure_tracing, span, traceparent

START: Final = """
import sys, structlog
from infra.settings import Settings
from infra.telemetry import tracing
from infra.telemetry.logging import configure_logging

settings = Settings(
    _env_file=None, database_url="postgresql://x", broker_url="redis://x",
    object_store="file:///unused", key_pepper="only-for-tests-0123456789",
    traces=sys.argv[1],
)
configure_logging(settings, process="api")
"""
BLOCKED: Final = "sys.modules['opentelemetry'] = None\n"


def run(program: str, traces: str, *, endpoint: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", START + program, traces]
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    return subprocess.run(
        command, capture_output=True, check=False, timeout=60, text=True, env=env
    )


def test_off_there_is_one_span_that_does_nothing() -> None:
    assert TRACING.tracer is None
    assert span("x") is NO_SPAN
    assert traceparent() is None


def test_a_line_names_its_trace_and_span_while_one_is_open() -> None:
    done = run(
        "tracing.configure_tracing(settings, process='api')\n"
        "log = structlog.get_logger()\n"
        "with tracing.span('work'):\n"
        "    print(tracing.traceparent(), flush=True)\n"
        "    log.info('inside')\n"
        "log.info('outside')\n",
        "console",
    )

    parent, inside, outside = done.stdout.splitlines()
    _, trace_id, span_id, _ = parent.split("-")
    assert json.loads(inside)["trace_id"] == trace_id
    assert json.loads(inside)["span_id"] == span_id
    assert "trace_id" not in json.loads(outside)
    (exported,) = done.stderr.splitlines()
    assert json.loads(exported)["name"] == "work"
    assert json.loads(exported)["resource"]["attributes"]["service.name"] == "genq-api"


def test_nobody_who_asks_for_no_traces_gets_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    for asked in ("auto", "off"):
        configure_tracing(_settings(asked), process="api")
        assert TRACING.tracer is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    configure_tracing(_settings("off"), process="api")
    assert TRACING.tracer is None


def test_an_endpoint_switches_traces_on_and_holds_no_process_up_that_ends() -> None:
    done = run(
        "import atexit, time\n"
        "atexit.register(lambda: print(time.monotonic() - ended < 4))\n"
        "tracing.configure_tracing(settings, process='api')\n"
        "with tracing.span('work'):\n"
        "    print(tracing.traceparent())\n"
        "ended = time.monotonic()\n",
        "auto",
        endpoint="http://127.0.0.1:9",
    )

    assert done.stdout.startswith("00-")
    assert done.stdout.splitlines()[-1] == "True", done.stdout


def test_without_the_extra_traces_are_refused_by_name_and_left_out_by_chance() -> None:
    done = run(
        BLOCKED + "from schemas.errors import SettingsError\n"
        "tracing.configure_tracing(settings, process='api')\n"
        "asked = settings.model_copy(update={'traces': 'otlp'})\n"
        "try:\n"
        "    tracing.configure_tracing(asked, process='api')\n"
        "except SettingsError as error:\n"
        "    print(error.message)\n",
        "auto",
        endpoint="http://127.0.0.1:9",
    )

    found, asked = done.stdout.splitlines()
    assert json.loads(found)["event"] == "traces_off"
    assert asked.startswith("GENQ_TRACES=otlp: opentelemetry is not installed: pip install")


def _settings(traces: Literal["auto", "off"]) -> Settings:
    return Settings.model_validate(
        {
            "database_url": "postgresql://x",
            "broker_url": "redis://x",
            "object_store": "file:///unused",
            "key_pepper": "only-for-tests-0123456789",
            "traces": traces,
        }
    )
