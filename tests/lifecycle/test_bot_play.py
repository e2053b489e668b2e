"""`genq bot play` in a pipe: a bot, its platform and all of genq, from one command."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.api_stub import Home

_SECONDS: Final = 150
_SCRIPT: Final = (
    "/imagine a red kite",
    "u2",
    "hello",
    "/imagine a fox &",
    "/imagine an owl &",
    "/queue",
    "/cancel",
    "c &",
    "/quit",
)

pytestmark = pytest.mark.timeout(2 * _SECONDS)


def said_after(output: str, line: str) -> str:
    """Return what was printed between a line of the script and the next one."""
    return output.partition(f"> {line}\n")[2].partition("\n> ")[0]


def test_a_talk_in_a_pipe_goes_from_a_command_to_saved_pictures(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    (folder := tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    # A bot of the shell's own must not be spoken for.
    monkeypatch.setenv("GENQ_SLACK_BOT_TOKEN", "xoxb-real")
    monkeypatch.setenv("GENQ_SLACK_SIGNING_SECRET", "real")
    flags = ("--pace", "1.5", "--slots", "1", "--output", "kites")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "genq.cli", "bot", "play", *flags],
        input="\n".join(_SCRIPT) + "\n",
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )

    out, err = done.stdout, done.stderr
    first = said_after(out, "/imagine a red kite")
    assert "a red kite - @you (Waiting to start) · position 1" in first, out + err
    assert "[1] U1  [2] U2  [3] U3  [4] U4  [5] 🔄  [6] V1" in first
    assert (Path("kites") / "1-a-red-kite.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    larger = said_after(out, "u2")
    assert "a red kite - Image #2 @you" in larger
    assert "saved kites/2-" in larger
    queue = said_after(out, "/queue")
    assert "(only you see this)" in queue
    assert "an owl" in queue
    cancelled = said_after(out, "/cancel")
    assert "Cancelled  (only you see this)" in cancelled
    assert "A simulator paints" in err
    assert "begin with a command such as /imagine" in err
    # One line meant nothing; all else was as it should be.
    assert done.returncode == 1
    assert "would have refused" not in err
    assert list(folder.iterdir()) == []
