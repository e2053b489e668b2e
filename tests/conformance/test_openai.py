"""OpenAI's own clients, unmodified, work on a whole genq: one start for all that they do."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.batches import BATCHES
from tests.conformance.node import run_node
from tests.conformance.quick_starts import run_quick_starts
from tests.conformance.real import Real
from tests.conformance.scenarios import ALONE, SCENARIOS
from tests.conformance.servers import Conforming, conforming

# They wait for models and for batches more than they work.
_AT_ONCE: Final = 6


@pytest.mark.timeout(240)
def test_openai_s_clients_and_quick_starts_work_unmodified(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    with conforming(tmp_path) as genq, ThreadPoolExecutor(_AT_ONCE) as threads:
        played = [
            (scenario, waits, threads.submit(play, genq, scenario, waits=waits))
            for scenario, waits in itertools.product((*BATCHES, *SCENARIOS), (True, False))
        ]
        for scenario, waits, done in played:
            with subtests.test(scenario.__name__, sync=waits):
                done.result()
        for scenario, waits in itertools.product(ALONE, (True, False)):
            with subtests.test(scenario.__name__, sync=waits):
                play(genq, scenario, waits=waits)
        for name, fault in run_quick_starts(genq, tmp_path).items():
            with subtests.test(name):
                assert fault == ""
        for name, fault in run_node(genq, tmp_path).items():
            with subtests.test(f"node: {name}"):
                assert fault == ""


def play(genq: Conforming, scenario: Callable[[Real], None], *, waits: bool) -> None:
    real = Real(genq, waits=waits)
    try:
        scenario(real)
    finally:
        real.close()
