"""What a person sees: how to use it, and what goes wrong; nothing else."""

import json
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.embedded.child_settings import SIMULATOR_MODELS, ChildSettings
from infra.embedded.screen import LogLine, Screen, Warnings, summary, worth_showing
from infra.settings import Settings


def told(*, simulated: bool = True) -> ChildSettings:
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://x",
            "broker_url": "redis://x",
            "object_store": "file:///x",
            "key_pepper": "only-for-tests-0123456789",
            "outbound_allow": ["127.0.0.0/8"],
            "model_servers": [
                {"name": "s", "base_url": "http://s/v1", "models": SIMULATOR_MODELS}
            ],
        }
    )
    return ChildSettings(settings, {}, (), simulated)


def line(**fields: str) -> str:
    return json.dumps({"timestamp": "2026-11-20T12:00:00Z", "logger": "x"} | fields)


def test_the_greeting_says_all_that_a_first_job_needs() -> None:
    text = "\n".join(
        summary(told(), url="http://u:1", api_key="gq_k", data_dir=Path("/data/dir"))
    )

    for said in (
        "http://u:1",
        "gq_k",
        "/data/dir",
        "SIMULATOR",
        "127.0.0.0/8",
        "turbo 8, fast 4, relax 2, batch 1",
        "genq submit 'a red kite over the sea'",
        "curl http://u:1/v1/jobs -H 'Authorization: Bearer gq_k'",
        "Ctrl-C stops everything; the data stays.",
    ):
        assert said in text


def test_real_model_servers_are_not_called_a_simulator() -> None:
    text = "\n".join(summary(told(simulated=False), url="u", api_key="k", data_dir=Path()))

    assert "SIMULATOR" not in text


def test_a_program_reads_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=True)
    screen.note("starting")
    screen.announce(told(), url="u", api_key="k", data_dir=Path("/d"), pids={"api": 1})

    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "url": "u",
        "api_key": "k",
        "data_dir": "/d",
        "pids": {"api": 1},
    }
    assert printed.out.count("\n") == 1
    assert printed.err == "starting\n"


def test_only_what_is_unusual_is_shown() -> None:
    assert worth_showing("api", line(level="info", event="request")) is None
    assert worth_showing("api", "") is None
    assert worth_showing("work", line(level="warning", event="lost\nmore", session="3")) == (
        LogLine("work      warning  lost  session=3", "2026-11-20T12:00:00Z")
    )
    crash = worth_showing("api", "Traceback (most recent call last):")
    assert crash == LogLine("api       Traceback (most recent call last):")
    assert worth_showing("api", "2026-11-20 [info     ] request") is None
    assert worth_showing("api", "2026-11-20 [warning  ] slow") is not None


def test_warnings_come_in_order_of_time_and_not_again_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    logs = {name: tmp_path / name for name in ("api", "work")}
    warnings = Warnings(logs, clock)
    late, early = "2026-11-20T12:00:02Z", "2026-11-20T12:00:01Z"
    logs["api"].write_text(line(level="error", event="late", timestamp=late) + "\n")
    logs["work"].write_text(line(level="error", event="early", timestamp=early) + "\n")
    assert [shown.split()[1:] for shown in warnings.new()] == [
        ["work", "error", "early"],
        ["api", "error", "late"],
    ]
    assert warnings.new() == []

    with logs["api"].open("a") as log:
        log.write(line(level="error", event="late") + "\n")
    assert warnings.new() == []

    clock.passed = 31.0
    with logs["api"].open("a") as log:
        log.write(line(level="error", event="late") + "\n")
    assert len(warnings.new()) == 1


class FakeClock(SystemClock):
    """A clock that the test sets."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed
