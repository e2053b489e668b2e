"""`genq lanes ls`, `genq top`, `genq work health`: what moves, and whether anybody works."""

import json
import re

import pytest

from producer.operator.overview_screen import ago
from producer.operator.screen import Screen
from producer.operator.worker_health import UnhealthyError, tell_health
from tests.fixtures.api_stub import Home
from tests.fixtures.command import in_a_terminal
from tests.fixtures.harness import Harness
from tests.fixtures.operating import operate, shell_of


def test_lanes_and_top_show_what_waits_what_runs_and_what_is_paused(
    home: Home, genq: Harness
) -> None:
    shell = shell_of(genq.settings)
    genq.submit()
    genq.submit()
    genq.turn()
    genq.claim_one()
    genq.sql("UPDATE lane_clock SET paused_at = now() WHERE lane = 4")
    try:
        lanes = operate("lanes ls --json", shell)
        frame = operate("top --once --json", shell)
    finally:
        genq.sql("UPDATE lane_clock SET paused_at = NULL")

    found = {lane["lane"]: lane for lane in map(json.loads, lanes.out.splitlines())}
    assert list(found) == ["turbo", "fast", "relax", "batch"]
    fast = found["fast"]
    assert fast["released"] + fast["running"] + fast["waiting"] == 2
    assert fast["running"] == 1
    assert (fast["slots"], fast["weight"]) == (100, 4)
    assert found["batch"]["paused_since"]
    told = json.loads(frame.out)
    assert {"lanes", "workers", "models", "limits", "webhooks", "per_second"} <= set(told)
    assert told["workers"][0]["alive"]


def test_top_in_a_terminal_ends_with_q(
    home: Home, genq: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shell_of(genq.settings).items():
        monkeypatch.setenv(name, value)

    code, output = in_a_terminal("top", "--every", "0.2", typed="q")

    assert code == 0, output
    assert "q quits" in output
    drawn = output.partition("what was seen last:")[2]
    assert drawn
    assert all(len(re.sub(r"\x1b\[\d*m", "", line)) <= 80 for line in drawn.splitlines())


def test_work_health_ends_with_0_only_while_the_session_lives(
    home: Home, genq: Harness
) -> None:
    shell = shell_of(genq.settings)

    healthy = operate("work health --host h --pid 1 --json", shell)
    genq.silence_workers()
    lost = operate("work health --host h", shell)

    assert (healthy.code, json.loads(healthy.out)["state"]) == (0, "healthy")
    with pytest.raises(UnhealthyError, match="no worker of h:2 has a session"):
        tell_health(Screen(as_json=False), [], "h", 2)
    assert (lost.code, lost.out) == (1, "")


def test_a_length_of_time_is_short() -> None:
    told = [ago(s) for s in (None, 0.25, 59.0, 90.0, 7_200.0, 200_000.0)]

    assert told == ["-", "0.2 s", "59.0 s", "2 min", "2 h", "2 d"]
