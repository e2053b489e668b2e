"""One command on a fresh machine shows a job's whole way and leaves nothing but pictures."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.api_stub import Home

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
SECONDS = 150

pytestmark = pytest.mark.timeout(2 * SECONDS)


@pytest.fixture
def scratch(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """The folder for temporary files; whatever still runs on it in the end is stopped."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    for process in processes_on(tmp_path):
        process.kill()


def processes_on(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names something in ``folder``."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline"]):
        words: list[str] = process.info["cmdline"] or []
        if any(str(folder) in word for word in words):
            found.append(process)
    return found


def genq(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    command = [sys.executable, "-P", "-m", "genq.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_the_demo_leaves_four_pictures_and_a_summary(scratch: Path) -> None:
    done = genq("demo", "--output", "pictures")

    assert done.returncode == 0, done.stderr
    pictures = sorted(Path("pictures").iterdir())
    assert [picture.name for picture in pictures] == [f"kite-{n}.png" for n in range(4)]
    contents = {picture.read_bytes() for picture in pictures}
    assert len(contents) == 4
    assert all(content.startswith(PNG_HEAD) for content in contents)
    assert done.stdout.count("announced: job.succeeded received, signature verified") == 2
    assert "Try next" in done.stdout
    assert "servers are up at http://127.0.0.1:" in done.stderr
    assert not list(scratch.glob("genq-demo-*"))
    assert processes_on(scratch) == []


def test_a_demo_that_is_terminated_leaves_nothing_running(scratch: Path) -> None:
    command = [sys.executable, "-P", "-m", "genq.cli", "demo", "--output", "pictures"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "servers are up" in line:
                demo.send_signal(signal.SIGTERM)
                break
        demo.stderr.read()

    assert demo.returncode == 128 + signal.SIGTERM
    assert processes_on(scratch) == []
    assert not list(scratch.glob("genq-demo-*"))


def test_a_demo_that_cannot_start_says_why_and_keeps_the_log(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENQ_SLOTZ", "3")

    done = genq("demo", "--output", "pictures")

    assert done.returncode == 1
    assert "did you mean GENQ_SLOTS" in done.stderr
    (folder,) = scratch.glob("genq-demo-*")
    assert f"the log is {folder / 'genq-up.log'}" in done.stderr


def test_after_up_no_command_needs_a_flag(home: Home, scratch: Path) -> None:
    command = [sys.executable, "-P", "-m", "genq.cli", "up", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        ready = json.loads(up.stdout.readline())

        made = genq("submit", "a fox", "-o", "fox.png")
        listed = genq("jobs", "list", "--json")
        checked = genq("db", "check")
        up.send_signal(signal.SIGTERM)

    assert up.returncode == 0
    assert ready["data_dir"] == str(home.data / "genq" / "default")
    assert made.returncode == 0, made.stderr
    assert Path("fox.png").read_bytes().startswith(PNG_HEAD)
    assert json.loads(listed.stdout)["status"] == "succeeded"
    # Only `genq env` tells where the embedded database is.
    assert checked.returncode == 8
