"""Loads every module of tests/fixtures.

Where a test lives says what it may use: unit (no servers), contract (one seam, every
implementation), lifecycle (one promise per file), api, faults (processes that die), docs,
architecture (the source itself).
"""

from pathlib import Path

pytest_plugins = [
    f"tests.fixtures.{file.stem}"
    for file in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if file.stem != "__init__"
]
