"""What the stages of one image job cost a process: ``python -P -m tests.bench.stages``.

Not part of the benchmark. Each figure is CPU time, the least of many calls: on a
busy machine too, this is what the code needs, without the waits and cold caches of others.
"""

import asyncio
import gc
import io
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image

from infra.objectstore.directory import write_whole
from infra.provenance.certificates import identity_of
from infra.provenance.credentials import Credentials
from infra.provenance.manifests import Facts
from infra.provenance.marking import Marker
from infra.provenance.signing import Signing
from infra.provenance.xmp import with_xmp
from infra.safety.detectors.hash_list import HashListDetector
from infra.safety.fingerprints import fingerprint_of
from infra.safety.hash_lists import Listed
from infra.safety.moderation import Judged, Moderation
from infra.safety.parts import Whose
from infra.safety.pictures import square_of
from infra.settings import Settings
from infra.simulator.painting.files import encode
from infra.simulator.painting.painting import paint
from schemas.policy import Policy
from schemas.policy_duties import Marking
from schemas.safety import Picture
from schemas.tenant_plan import SafetyLevel
from tests.bench.orders import PROMPTS, SEED
from tests.eval_safety.pipeline import open_pipeline

_ROUNDS: Final = 60
_SIDES: Final = ((288, "png"), (1024, "png"), (1024, "jpeg"), (1024, "webp"))
_LONGER: Final = (
    "a wide photograph of an old lighthouse at the edge of a quiet harbour, fog, 35mm, grain",
    "portrait of a young woman reading a book by the window, natural light, shallow depth",
)
_LEVEL: Final = SafetyLevel.STANDARD

Work = Callable[[], object]


class _Fixed:
    """The policy that comes with genq, for everybody."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return it."""
        del tenant_id, level
        return self._policy


class _NoLists:
    """Nothing is known."""

    def of(self, tenant_id: int) -> Sequence[Listed]:
        """Return nothing."""
        del tenant_id
        return ()


def main() -> int:
    """Measure and print; return the exit code."""
    # As the processes do.
    gc.set_threshold(10_000, 20, 20)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        stages = {**_texts(runner), **_pictures(), "store 288 png": [_store(Path(folder))]}
        for name, least in _least(stages).items():
            sys.stdout.write(f"{name:24s}{least * 1e3:8.3f} ms\n")
    return 0


def _least(stages: Mapping[str, Sequence[Work]]) -> dict[str, float]:
    """Return the seconds of each stage: the mean over its cases of the least of all rounds."""
    least = {name: [1e9] * len(works) for name, works in stages.items()}
    for _ in range(_ROUNDS):
        for name, works in stages.items():
            for number, work in enumerate(works):
                begun = time.process_time()
                work()
                took = time.process_time() - begun
                least[name][number] = min(took, least[name][number])
    return {name: sum(times) / len(times) for name, times in least.items()}


def _texts(runner: asyncio.Runner) -> dict[str, Sequence[Work]]:
    moderator, policy = open_pipeline()
    loop = runner.get_loop()
    lists = (HashListDetector(_NoLists()),)
    moderator.detectors = replace(moderator.detectors, lists=lists)
    moderation, whose = Moderation(moderator, _Fixed(policy)), Whose(1)
    prompts = (*PROMPTS, *_LONGER)
    picture = Picture(_drawn(288, "png"), "image/png")

    def run(judge: Callable[[], Awaitable[Judged | None]]) -> Work:
        async def judged() -> None:
            await judge()

        return lambda: loop.run_until_complete(judged())

    def asked(prompt: str) -> dict[str, Any]:
        return {"prompt": prompt, "n": 1, "size": "288x288"}

    return {
        "nothing, for comparison": [run(_nothing)],
        "floor at the door": [
            run(lambda p=p: moderation.judge_floor(asked(p), whose, _LEVEL)) for p in prompts
        ],
        "prompt in the worker": [
            run(lambda p=p: moderation.judge_input(asked(p), whose, _LEVEL)) for p in prompts
        ],
        "output in the worker": [
            run(
                lambda p=p: moderation.judge_output(
                    None, {}, [picture], whose, _LEVEL, prompt=p
                )
            )
            for p in prompts
        ],
    }


async def _nothing() -> None:
    """What it takes to ask."""


def _pictures() -> dict[str, Sequence[Work]]:
    credentials = Credentials(identity_of(_settings()))
    marker, signing = Marker(credentials), Signing(credentials)
    facts = Facts("genq", "0.1.0", "sim-image-1", datetime(2026, 1, 1, tzinfo=UTC), "job_0.0")
    how = Marking()

    def stages(data: bytes, kind: str) -> dict[str, Work]:
        return {
            "xmp": lambda: with_xmp(data, kind),
            "sign": lambda: signing.sign(data, kind, facts),
            "unpack": lambda: _unpacked(data),
            "fingerprint": lambda: fingerprint_of(square_of(_unpacked(data))).bands(),
            "mark, all": lambda: marker.mark_picture(data, kind, facts, index=0, how=how),
        }

    return {
        f"{stage} {side} {form}": [work]
        for side, form in _SIDES
        for stage, work in stages(_drawn(side, form), f"image/{form}").items()
    }


def _unpacked(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.draft("L", (128, 128))
    image.load()
    return image


def _store(folder: Path) -> Work:
    data, count = _drawn(288, "png"), iter(range(1_000_000))
    return lambda: write_whole(folder / f"{next(count)}.png", data)


def _drawn(side: int, form: str) -> bytes:
    return encode(paint(PROMPTS[0], SEED, 0, side, side), form, 90)


def _settings() -> Settings:
    return Settings(
        _env_file=None,  # pyright: ignore[reportCallIssue] - pydantic-settings takes it
        database_url="postgresql://127.0.0.1:1/none",  # pyright: ignore[reportArgumentType] - it is parsed
        broker_url="redis://127.0.0.1:1/0",  # pyright: ignore[reportArgumentType] - it is parsed
        object_store="file:///nowhere",
        key_pepper="only-for-tests-0123456789",  # pyright: ignore[reportArgumentType] - it is parsed
    )


if __name__ == "__main__":
    sys.exit(main())
