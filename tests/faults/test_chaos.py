"""Everything at once for a short while, from one seed; `make chaos` goes on for longer."""

import subprocess
import sys
from pathlib import Path


def test_faults_drawn_from_a_seed_lose_and_double_nothing(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    # Load and faults for 10 s, after a start of some and before a drain of some more.
    options = ("--seed", "11", "--seconds", "6", "--rate", "25")
    with report.open("wb") as written:
        run = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.chaos", *options],
            stdout=written,
            stderr=written,
        )
        try:
            run.wait(110)
        finally:
            # It ends its own processes, if it must end early.
            run.terminate()
            run.wait(30)

    assert run.returncode == 0, report.read_text()
