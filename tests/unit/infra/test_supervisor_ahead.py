"""A child may load before its time: it works once it is started, and is stopped like others."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from infra.clock import SystemClock
from infra.embedded.footprints import Footprint
from infra.embedded.launch import Launch, always_ready
from infra.embedded.spawning import run_to_end
from infra.embedded.supervisor import Supervisor
from schemas.errors import InternalError
from tests.fixtures.until import until

HELD = (sys.executable, "-P", "-m", "infra.embedded.held")


def loading(folder: Path, name: str = "one") -> Launch:
    """A child that says when it has loaded, and when it works; ``plain`` if started without."""

    async def works(pid: int) -> str:
        return "" if (folder / "works").exists() else "it does not work"

    return Launch(
        name,
        ("/bin/sh", "-c", f"echo plain > '{folder}/works'; exec sleep 60"),
        {"PATH": os.defpath},
        works,
        ahead=(
            *("/bin/sh", "-c"),
            f"cd '{folder}'; touch loaded; read line && echo ahead > works; exec sleep 60",
        ),
    )


def supervisor_in(folder: Path) -> Supervisor:
    return Supervisor(folder, SystemClock(), structlog.get_logger(), lambda: None)


async def loaded(supervisor: Supervisor, folder: Path) -> Footprint:
    """The child, as soon as it has loaded."""
    await until(
        lambda: (folder / "loaded").exists() and "one" in supervisor.footprints(),
        "it does not load",
    )
    return supervisor.footprints()["one"]


def test_what_loads_ahead_works_once_it_is_started_and_comes_back_plain(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = loading(tmp_path)
        supervisor.load(launch)
        first = await loaded(supervisor, tmp_path)
        assert not (tmp_path / "works").exists()

        await supervisor.start(launch, 10)

        assert supervisor.footprints()["one"] == first
        assert (tmp_path / "works").read_text() == "ahead\n"

        (tmp_path / "works").unlink()
        os.kill(first.pid, signal.SIGKILL)
        await until((tmp_path / "works").exists, "it has not come back")
        assert (tmp_path / "works").read_text() == "plain\n"
        await supervisor.stop([])

    asyncio.run(scenario())


def test_what_dies_while_it_loads_loads_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        launch = loading(tmp_path)
        supervisor.load(launch)
        first = await loaded(supervisor, tmp_path)
        os.kill(first.pid, signal.SIGKILL)
        await until(
            lambda: supervisor.footprints().get("one", first) != first, "it has not come back"
        )

        await supervisor.start(launch, 10)

        assert (tmp_path / "works").read_text() == "ahead\n"
        await supervisor.stop([])

    asyncio.run(scenario())


def test_what_was_never_started_is_stopped_with_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        supervisor = supervisor_in(tmp_path)
        supervisor.load(loading(tmp_path))
        mark = await loaded(supervisor, tmp_path)

        await supervisor.stop([])

        assert not mark.alive()
        assert not (tmp_path / "works").exists()

    asyncio.run(scenario())


def test_a_program_that_waits_for_something_ends_with_it(tmp_path: Path) -> None:
    launch = Launch(
        "tables",
        ("/bin/false",),
        {"PATH": os.defpath},
        always_ready,
        ahead=("/bin/sh", "-c", f"read line; touch '{tmp_path}/done'"),
    )

    async def comes() -> None:
        assert not (tmp_path / "done").exists()

    async def never_comes() -> None:
        raise InternalError("no server")

    asyncio.run(run_to_end(launch, tmp_path / "log", 10, after=comes))
    assert (tmp_path / "done").exists()

    (tmp_path / "done").unlink()
    with pytest.raises(InternalError, match="no server"):
        asyncio.run(run_to_end(launch, tmp_path / "log", 10, after=never_comes))
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(("said", "code", "helps"), [(b"\n", 0, True), (b"", 1, False)])
def test_a_module_that_is_held_runs_as_itself_or_not_at_all(
    said: bytes, code: int, *, helps: bool
) -> None:
    held = subprocess.run(
        [*HELD, "infra.simulator", "--help"],
        input=said,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert held.returncode == code, held.stderr
    assert held.stdout.startswith(b"usage: genq simulator") == helps
    assert not held.stderr
