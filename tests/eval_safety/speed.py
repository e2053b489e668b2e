"""How long judging takes, and what it costs to have it in a process.

All times are of the processor: what else runs on the machine does not count.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.safety.classifier import load_classifier
from schemas.safety import Medium, Stage, Subject
from tests.eval_safety.pipeline import open_pipeline

_USUAL: Final = (
    "a photo of a brown dog running on the beach at golden hour, 35mm film --ar 16:9"
)
_SENTENCE: Final = (
    "a wide shot of a quiet harbour at dawn with fishing boats, gulls and low fog; "
)
_HUNDRED: Final = _SENTENCE * 6
_TIMES: Final = 600
_ROOT: Final = Path(__file__).parents[2]
# VmRSS and not the peak, which a process takes over from the one that started it.
_IMPORT: Final = """
import time
def megabytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
before = megabytes()
import numpy
begun = time.process_time()
from infra.safety.classifier import load_classifier
classifier = load_classifier()
classifier.scores(["a red kite over the sea"])
seconds = time.process_time() - begun
print(seconds, megabytes() - before)
"""


def measure() -> Mapping[str, float]:
    """Return milliseconds of the whole pipeline, prompts a second, seconds and megabytes."""
    pipeline = sorted(_pipeline_ms())
    classifier = load_classifier()
    begun = time.process_time()
    for _ in range(_TIMES):
        classifier.scores([_USUAL])
    each = (time.process_time() - begun) / _TIMES
    seconds, megabytes = _alone()
    return {
        "p50 ms": pipeline[len(pipeline) // 2],
        "p99 ms": pipeline[len(pipeline) * 99 // 100],
        "classifier ms": each * 1e3,
        "prompts/s": 1 / each,
        "import s": seconds,
        "memory MB": megabytes,
    }


def _pipeline_ms() -> list[float]:
    moderator, policy = open_pipeline()

    async def once(number: int) -> float:
        subject = Subject(Stage.PROMPT, Medium.TEXT, 1, f"{_HUNDRED} {number}")
        begun = time.process_time()
        await moderator.evaluate(subject, policy)
        return (time.process_time() - begun) * 1e3

    async def often() -> list[float]:
        return [await once(number) for number in range(_TIMES)]

    return asyncio.run(often())


def _alone() -> tuple[float, float]:
    """Return seconds of import and load, and megabytes with NumPy's own, in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], cwd=_ROOT, check=True, capture_output=True, text=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes
