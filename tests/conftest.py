"""Loads the modules of tests/fixtures that declare fixtures; tests import the others.

Where a test lives says what it may use: unit (no servers), contract (one seam, every
implementation), lifecycle (one promise per file), api, faults (processes that die), docs,
architecture (the source itself).
"""

import os
import sys
from pathlib import Path

# Where bytecode is not written, every process of a test run compiles all of our modules and
# tests anew: eight seconds for each that collects, a quarter for each that is started.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # noqa: TID251 - what children inherit

pytest_plugins = [
    f"tests.fixtures.{file.stem}"
    for file in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if "@pytest.fixture" in file.read_text(encoding="utf-8")
]
