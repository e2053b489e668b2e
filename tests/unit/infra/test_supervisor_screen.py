"""What a person sees: how to use it, and what goes wrong; nothing else."""

import json
from pathlib import Path

import pytest

from infra.embedded.child_settings import SIMULATOR_MODELS, ChildSettings
from infra.embedded.screen import Screen, Warnings, summary, worth_showing
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
    return json.dumps({"timestamp": "2026-11-20T12:00:00Z", "logger": "x", **fields})


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
    shown = worth_showing("work", line(level="warning", event="session_lost", session="3"))
    assert shown is not None
    assert shown.endswith("work      warning  session_lost  session=3")
    assert worth_showing("api", "Traceback (most recent call last):") == (
        "api       Traceback (most recent call last):"
    )
    assert worth_showing("api", "2026-11-20 [info     ] request") is None
    assert worth_showing("api", "2026-11-20 [warning  ] slow") is not None


def test_warnings_are_shown_once(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    warnings = Warnings({"api": log})
    log.write_text(line(level="error", event="bad") + "\n")

    assert len(warnings.new()) == 1
    assert warnings.new() == []
