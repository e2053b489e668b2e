"""The same in Node, with npm's openai; where there is no npm, nothing is said."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.real import Real
from tests.conformance.scenarios import told_of
from tests.conformance.servers import Conforming

ROOT: Final = Path(__file__).parents[2]
LIBRARIES: Final = ROOT / ".venv" / "verifiers"
_INSTALL_SECONDS: Final = 90
_RUN_SECONDS: Final = 60


def missing() -> str | None:
    """Return why Node's client cannot be run here; installing it takes seconds, once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node and npm here"
    made = subprocess.run(
        ["make", "--silent", ".venv/verifiers/.ready"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if made.returncode:
        return f"npm could not bring the libraries: {made.stderr.strip()[-200:]}"
    return None


def run_node(genq: Conforming, folder: Path) -> dict[str, str]:
    """Play every scenario of ``openai.mjs``; return what went wrong with each."""
    why = missing()
    if why:
        pytest.skip(why)
    real = Real(genq, waits=True)
    try:
        delivered = told_of(real)
    finally:
        real.close()
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("openai.mjs")), str(LIBRARIES)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251 - of a user's shell
            "OPENAI_BASE_URL": genq.base_url,
            "OPENAI_API_KEY": genq.key,
        },
        input=json.dumps(delivered),
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
