"""The simulator as a process: it says when it is ready, and stops at once."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.fixtures.until import wait_until

PATIENCE = 30.0


@contextmanager
def simulator(*arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "infra.simulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready: dict[str, Any] = json.loads(process.stdout.readline())
        yield process, ready["url"]
    finally:
        process.kill()
        process.communicate()


def test_it_starts_without_any_setting_answers_and_says_what_it_is() -> None:
    with simulator("--latency", "0.05") as (process, url):
        start = time.monotonic()
        answer = httpx2.post(
            f"{url}/v1/moderations", json={"input": "a kite"}, timeout=PATIENCE
        )
        assert answer.status_code == 200
        assert time.monotonic() - start >= 0.05
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert out == ""
        lines = [json.loads(line) for line in errors.splitlines()]
        assert [line["event"] for line in lines] == ["simulator_started", "simulator_stopped"]
        assert all("no real model" in line["notice"] for line in lines)


def test_it_stops_at_once_though_calls_hang() -> None:
    with simulator() as (process, url), ThreadPoolExecutor(8) as threads:
        script = {"faults": [{"kind": "hang", "times": None}]}
        httpx2.put(f"{url}/control", json=script, timeout=PATIENCE).raise_for_status()
        body = {"input": "a kite"}
        calls = [
            threads.submit(httpx2.post, f"{url}/v1/moderations", json=body, timeout=PATIENCE)
            for _ in range(8)
        ]

        def in_flight() -> bool:
            state = httpx2.get(f"{url}/control", timeout=PATIENCE).json()
            return state["calls"]["in_flight"] == 8

        wait_until(in_flight, "the calls hang")
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - start < 2.0  # half a second where nothing else runs
        assert all(call.exception(PATIENCE) is not None for call in calls)


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with simulator() as (_, url):
        port = url.rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-P", "-m", "infra.simulator", "--port", port],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert second.returncode == 1
        assert json.loads(second.stderr)["event"] == "simulator_cannot_listen"
        assert port in second.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--latency", "-1"], ["--latency", "nan"], ["--painters", "0"], ["--port", "x"]],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "infra.simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert arguments[0] in done.stderr
