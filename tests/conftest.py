"""Loads the modules of tests/fixtures that declare fixtures; tests import the others.

Where a test lives says what it may use: unit (no servers), contract (one seam, every
implementation), lifecycle (one promise per file), api, faults (processes that die), docs,
architecture (the source itself).
"""

import gc
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.fixtures.memory_folder import take_memory_folder

# Where bytecode is not written, every process of a test run compiles all of our modules and
# tests anew: eight seconds for each that collects, a quarter for each that is started.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # noqa: TID251 - what children inherit

pytest_plugins = [
    f"tests.fixtures.{file.stem}"
    for file in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if "@pytest.fixture" in file.read_text(encoding="utf-8")
]

# A minute, and half of one.
_LONGEST = ("tests/api/test_schemathesis.py", "tests/faults/test_chaos.py")

_memory = take_memory_folder()


# Nothing of what is imported and collected is garbage. What tests make is looked at less often
# than usual: to go through the whole heap again and again was a sixth of their cost.
gc.disable()
gc.set_threshold(2000, 10, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the single tests that take longest: none shall run alone in the end.

    Within both groups the order stays as it was shuffled.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from all that is here before the first test."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(exitstatus: int) -> None:
    """Give the memory back; what a failed run left is worth a look."""
    gc.unfreeze()
    if _memory is not None and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.INTERRUPTED):
        shutil.rmtree(_memory, ignore_errors=True)
