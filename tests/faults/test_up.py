"""`genq up`: one command starts everything, nothing that dies stays dead, nothing is lost."""

import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.until import wait_until
from tests.fixtures.up import (
    CHILDREN,
    UpProcess,
    kill_everyone,
    mark_of,
    running_up,
    starting_up,
)

STOP_SECONDS = 10


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """One that runs for all tests which leave it running."""
    folder = tmp_path_factory.mktemp("a folder with spaces")
    profile = folder / "profiles" / "default.toml"
    with running_up(folder / "data", "--slots", "20", "--profile-file", str(profile)) as found:
        yield found


def second_start(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "infra.embedded", *arguments]
    return subprocess.run(
        [*command, "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_says_in_one_line_where_everything_is(up: UpProcess) -> None:
    assert set(up.facts) == {"url", "api_key", "data_dir", "pids"}
    assert up.facts["api_key"].startswith("gq_")
    assert up.facts["data_dir"] == str(up.data_dir)
    assert set(up.facts["pids"]) == set(CHILDREN)
    assert set(up.state().children) == set(CHILDREN)


def test_jobs_of_both_kinds_run(up: UpProcess) -> None:
    chat = {"messages": [{"role": "user", "content": "hello"}]}

    up.wait_for(up.submit(), up.submit(kind="chat", input=chat))


def test_a_profile_is_written_for_its_owner_alone(up: UpProcess) -> None:
    profile = up.data_dir.with_name("profiles") / "default.toml"
    found = tomllib.loads(profile.read_text())

    assert found["url"] == up.facts["url"]
    assert found["api_key"] == up.facts["api_key"]
    assert found["webhook_secret"].startswith("whsec_")
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600


def test_its_settings_serve_other_commands(up: UpProcess) -> None:
    printed = second_start(up.data_dir, "env")
    lines = [shlex.split(line) for line in printed.stdout.splitlines()]
    settings = dict(word.split("=", 1) for _, word in lines)

    checked = subprocess.run(
        [sys.executable, "-P", "-m", "migrations", "check"],
        env={"PATH": os.defpath, **settings},
        check=False,
        capture_output=True,
        text=True,
    )

    assert {export for export, _ in lines} == {"export"}
    assert settings["GENQ_SLOTS"] == "20"
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_second_start_on_the_folder_is_refused(up: UpProcess) -> None:
    refused = second_start(up.data_dir, "up", "--json", "--port", "0")

    assert refused.returncode == 8
    assert refused.stdout == ""
    assert f"already runs on it (pid {up.process.pid}), at {up.facts['url']}" in refused.stderr


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_that_is_killed_comes_back_and_jobs_go_on(up: UpProcess, name: str) -> None:
    before = up.state().children[name]
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: not before.alive(), f"{name} lives")
    wait_until(
        lambda: up.state().children.get(name, before) != before, f"{name} has not come back", 30
    )
    wait_until(lambda: up.status("job_none") != "", "the API is away", 30)

    up.wait_for(_submitted(up))

    assert up.process.poll() is None


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = second_start(tmp_path / "data", "up", "--port", port)

    assert refused.returncode == 8
    assert f"port {port} on 127.0.0.1 is taken" in refused.stderr


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    refused = second_start(tmp_path, "up", "--port", "0")

    assert refused.returncode == 8
    assert "not a genq data folder" in refused.stderr


def test_nothing_runs_on_a_folder_that_was_never_started(tmp_path: Path) -> None:
    refused = second_start(tmp_path, "env")

    assert refused.returncode == 8
    assert "does not run" in refused.stderr


def test_it_stops_in_time_and_the_next_start_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_up(data) as first:
        done = first.submit()
        first.wait_for(done)
        first.slow_model(60)
        running = [first.submit() for _ in range(3)]
        wait_until(
            lambda: all(first.status(job) == "running" for job in running), "not running"
        )
        everyone = first.everyone()
        began = time.monotonic()

        code = first.stop()

        took = time.monotonic() - began
        assert code == 0, first.log.read_text()
        assert took < STOP_SECONDS
        assert not any(mark.alive() for mark in everyone)
    with running_up(data) as second:
        assert second.facts["api_key"] == first.facts["api_key"]
        assert second.status(done) == "succeeded"
        second.wait_for(*running)


def test_after_the_death_of_everyone_the_next_start_recovers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_up(data) as first:
        first.slow_model(60)
        jobs = [first.submit() for _ in range(5)]
        wait_until(lambda: all(first.status(job) == "running" for job in jobs), "not running")
        kill_everyone(first)
    with running_up(data) as second:
        second.wait_for(*jobs)


def test_after_the_death_of_the_supervisor_alone_the_next_start_recovers(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with running_up(data) as first:
        first.slow_model(60)
        job = first.submit()
        wait_until(lambda: first.status(job) == "running", "not running")
        left_over = list(first.state().children.values())
        first.process.kill()
        first.process.wait()
    with running_up(data) as second:
        assert not any(mark.alive() for mark in left_over)
        second.wait_for(job)


def test_ctrl_c_while_it_starts_leaves_nobody_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with starting_up(data) as up:
        wait_until(lambda: "postgres" in _started(data), "no PostgreSQL", 30)
        everyone = up.everyone()

        # As a terminal does: to the whole foreground group.
        os.killpg(up.process.pid, signal.SIGINT)
        up.process.wait(STOP_SECONDS)

        assert up.process.returncode == 0, up.log.read_text()
        wait_until(lambda: not any(mark.alive() for mark in everyone), "somebody is left")


def test_a_second_ctrl_c_hastens(tmp_path: Path) -> None:
    with running_up(tmp_path / "data", environment={"GENQ_DRAIN_GRACE": "60"}) as up:
        up.slow_model(60)
        job = up.submit()
        wait_until(lambda: up.status(job) == "running", "not running")
        everyone = up.everyone()
        worker = mark_of(up.state().children["work"].pid)
        os.killpg(up.process.pid, signal.SIGINT)
        wait_until(lambda: up.status(job) == "", "the API still answers")
        assert worker.alive()

        os.killpg(up.process.pid, signal.SIGINT)
        up.process.wait(STOP_SECONDS)

        assert up.process.returncode == 0
        assert not any(mark.alive() for mark in everyone)


def _submitted(up: UpProcess) -> str:
    """The id of a job that was accepted, as soon as one is."""
    accepted: list[str] = []
    refusals: list[str] = []

    def accept() -> bool:
        try:
            accepted.append(up.submit())
        except (AssertionError, httpx2.HTTPError) as refusal:
            refusals.append(f"{type(refusal).__name__}: {refusal}")
        return bool(accepted)

    try:
        wait_until(accept, "no job is accepted", 30)
    except AssertionError as error:
        error.add_note("the last refusal: " + refusals[-1])
        error.add_note(up.log.read_text()[-8_000:])
        raise
    return accepted[0]


def _started(data: Path) -> str:
    state = data / "state.json"
    return state.read_text() if state.exists() else ""
