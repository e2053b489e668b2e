"""A process is known by pid and birth: a stranger with a recorded pid is left alone."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.embedded.footprints import birth_of, end, footprint_of, own_footprint, works_in
from tests.fixtures.until import wait_until

STEPS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=tmp_path
    )
    yield process
    process.kill()
    process.communicate()


def test_this_process_is_alive_and_keeps_its_birth() -> None:
    assert own_footprint().alive()
    assert own_footprint() == footprint_of(os.getpid())


def test_a_dead_process_has_no_birth(sleeper: "subprocess.Popen[bytes]") -> None:
    mark = footprint_of(sleeper.pid)
    assert mark is not None
    sleeper.kill()

    # Not reaped yet: a zombie runs no more.
    wait_until(lambda: birth_of(sleeper.pid) is None, "a zombie counts as alive")
    assert not mark.alive()
    assert footprint_of(sleeper.pid) is None


def test_a_recorded_process_is_ended(sleeper: "subprocess.Popen[bytes]") -> None:
    mark = footprint_of(sleeper.pid)
    assert mark is not None

    assert asyncio.run(end(mark, STEPS))
    assert sleeper.wait(5) == -signal.SIGTERM


def test_a_stranger_with_a_recorded_pid_is_left_alone(
    sleeper: "subprocess.Popen[bytes]",
) -> None:
    mark = footprint_of(sleeper.pid)
    assert mark is not None

    assert asyncio.run(end(replace(mark, birth="another boot/1"), STEPS))
    assert sleeper.poll() is None
    assert mark.alive()


def test_a_program_is_recognised_by_name_and_folder(
    sleeper: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    program = Path(f"/proc/{sleeper.pid}/comm")
    if not program.exists():
        pytest.skip("a kernel without /proc")
    wait_until(lambda: "python" in program.read_text(), "not started")
    name = program.read_text().strip()

    assert works_in(sleeper.pid, name, tmp_path)
    assert not works_in(sleeper.pid, "postgres", tmp_path)
    assert not works_in(sleeper.pid, name, tmp_path.parent)
