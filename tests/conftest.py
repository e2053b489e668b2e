"""Loads the modules of tests/fixtures that declare fixtures; tests import the others.

Where a test lives says what it may use: unit (no servers), contract (one seam, every
implementation), lifecycle (one promise per file), api, faults (processes that die), docs,
architecture (the source itself).
"""

from pathlib import Path

pytest_plugins = [
    f"tests.fixtures.{file.stem}"
    for file in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if "@pytest.fixture" in file.read_text(encoding="utf-8")
]
