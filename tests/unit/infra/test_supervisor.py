"""The supervisor keeps processes alive and stops them in order, whatever they are."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from infra.clock import SystemClock
from infra.embedded.footprints import footprint_of
from infra.embedded.kept_child import next_pause
from infra.embedded.launch import Launch, Probe, StopPhase, always_ready
from infra.embedded.supervisor import Supervisor
from schemas.errors import InternalError, SettingsError
from tests.fixtures.until import until, wait_until

SLEEP = shutil.which("sleep") or "/bin/sleep"
ENVIRONMENT = {"PATH": os.defpath}


def shell(name: str, script: str, ready: Probe = always_ready) -> Launch:
    return Launch(name, ("/bin/sh", "-c", script), ENVIRONMENT, ready)


def a_file(path: Path) -> Probe:
    async def look(pid: int) -> str:
        return "" if os.path.exists(path) else f"no {path.name}"  # noqa: ASYNC240, PTH110 - a moment

    return look


def supervisor_in(folder: Path, on_change: Callable[[], None] = lambda: None) -> Supervisor:
    return Supervisor(folder, SystemClock(), structlog.get_logger(), on_change)


def test_a_child_that_is_killed_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        changes: list[int] = []
        supervisor = supervisor_in(tmp_path, lambda: changes.append(1))
        await supervisor.start(shell("one", f"exec {SLEEP} 60"), 5)
        first = supervisor.footprints()["one"]
        os.kill(first.pid, signal.SIGKILL)
        await until(
            lambda: supervisor.footprints().get("one", first) != first, "it has not come back"
        )

        second = supervisor.footprints()["one"]

        assert not first.alive()
        assert second.alive()
        assert len(changes) == 2
        await supervisor.stop([])
        assert not second.alive()

    asyncio.run(scenario())


def test_pauses_double_up_to_ten_seconds_and_begin_again_after_a_healthy_life() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1], lived=1.0))

    assert pauses[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert next_pause(10.0, lived=30.0) == 0.2


def test_a_child_that_does_not_become_ready_is_named_with_its_last_words(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = shell(
            "slow", f"echo one; echo two >&2; exec {SLEEP} 60", a_file(tmp_path / "x")
        )
        with pytest.raises(InternalError) as failed:
            await supervisor.start(launch, 0.5)
        await supervisor.stop([])

        message = failed.value.message
        assert message.startswith("slow was not ready after 0 s: no x.")
        assert str(tmp_path / "slow.log") in message
        assert message.endswith("  | one\n  | two")

    asyncio.run(scenario())


def test_a_child_that_keeps_dying_is_given_up_before_the_time_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        with pytest.raises(InternalError, match="one does not stay alive"):
            await supervisor.start(shell("one", "exit 3", a_file(tmp_path / "x")), 60)
        await supervisor.stop([])

    asyncio.run(scenario())


def test_a_child_that_refuses_its_settings_is_not_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = shell("one", "echo GENQ_X; exit 8", a_file(tmp_path / "x"))
        with pytest.raises(SettingsError, match="GENQ_X"):
            await supervisor.start(launch, 60)
        await supervisor.stop([])

    asyncio.run(scenario())

    assert (tmp_path / "one.log").read_text() == "GENQ_X\n"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = Launch("one", ("/no/such/program",), ENVIRONMENT, always_ready)
        with pytest.raises(InternalError, match=r"one cannot be started: .*No such file"):
            await supervisor.start(launch, 60)
        await supervisor.stop([])

    asyncio.run(scenario())


def test_children_are_stopped_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    ends = tmp_path / "ends"

    def trapping(name: str) -> Launch:
        ready = tmp_path / f"{name}.ready"
        script = (
            f"trap 'echo {name} >> {ends}; exit 0' TERM; : > {ready}\n"
            f"while :; do {SLEEP} 0.02; done"
        )
        return shell(name, script, a_file(ready))

    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        for name in ("a", "b", "c"):
            await supervisor.start(trapping(name), 5)
        await supervisor.stop([StopPhase((n,), (n,), 5) for n in ("c", "a", "b")])

    asyncio.run(scenario())

    assert ends.read_text().split() == ["c", "a", "b"]


def test_a_child_that_will_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        script = f"trap '' TERM; {SLEEP} 60 & echo $! > {pid_file}; while :; do wait; done"
        await supervisor.start(shell("deaf", script, a_file(pid_file)), 5)
        await until(lambda: bool(pid_file.read_text().strip()), "no grandchild")
        grandchild = footprint_of(int(pid_file.read_text()))
        child = supervisor.footprints()["deaf"]
        assert grandchild is not None

        await supervisor.stop([StopPhase(("deaf",), ("deaf",), 0.2)])

        assert not child.alive()
        await until(lambda: not grandchild.alive(), "the grandchild lives")

    asyncio.run(scenario())


def test_hurry_waits_for_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        ready = tmp_path / "ready"
        script = f"trap '' TERM; : > {ready}; while :; do {SLEEP} 0.02; done"
        await supervisor.start(shell("deaf", script, a_file(ready)), 5)
        stopping = asyncio.create_task(supervisor.stop([StopPhase(("deaf",), ("deaf",), 3600)]))
        supervisor.hurry()
        async with asyncio.timeout(10):
            await stopping
        assert supervisor.footprints() == {}

    asyncio.run(scenario())


def test_the_log_of_the_run_before_is_set_aside(tmp_path: Path) -> None:
    async def scenario(word: str) -> None:
        supervisor = supervisor_in(tmp_path)
        ready = tmp_path / word
        await supervisor.start(
            shell("one", f"echo {word}; : > {ready}; exec {SLEEP} 60", a_file(ready)), 5
        )
        await supervisor.stop([])

    for word in ("first", "second", "third", "fourth"):
        asyncio.run(scenario(word))

    logs = {path.name: path.read_text() for path in tmp_path.glob("one.log*")}
    assert logs == {
        "one.log": "fourth\n",
        "one.log.1": "third\n",
        "one.log.2": "second\n",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels tell no child")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, structlog, sys
from pathlib import Path
from infra.clock import SystemClock
from infra.embedded.launch import Launch, always_ready
from infra.embedded.supervisor import Supervisor

async def main():
    folder = Path({str(tmp_path)!r})
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    supervisor = Supervisor(folder, SystemClock(), log, lambda: None)
    await supervisor.start(Launch("one", ({SLEEP!r}, "60"), {{}}, always_ready), 5)
    print(supervisor.footprints()["one"].pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        child = footprint_of(int(supervisor.stdout.readline()))
        assert child is not None
        supervisor.kill()

    wait_until(lambda: not child.alive(), "the child outlives its supervisor")
