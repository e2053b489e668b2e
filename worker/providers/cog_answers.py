"""What a Cog server answers: a prediction, or the end of one."""

import base64
import binascii
import re
from collections.abc import Collection
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from schemas.errors import (
    GenqError,
    ModelBadAnswerError,
    ModelError,
    ModelRefusedError,
    ModelUnavailableError,
)

_PROGRESS: Final = re.compile(r"\d{1,3}%\|[^|\n]*\|\s*(\d{1,6})/(\d{1,6})")
# As Replicate's own models write it.
_SEED: Final = re.compile(r"(?im)^\s*(?:using\s+)?seed\s*[:=]?\s*(\d{1,18})\s*$", re.ASCII)
_DATA: Final = re.compile(r"data:[^,]{0,200};base64,")
# The words by which models that look at what they made say that they keep it.
_WITHHELD: Final = re.compile(r"(?i)\bnsfw\b|safety (?:checker|filter)|content policy")
_MEMORY: Final = re.compile(r"out of memory|\bOOM\b")


class Prediction(BaseModel):
    """The prediction object; unknown members are left alone."""

    model_config = ConfigDict(frozen=True)

    status: str = ""
    output: JsonValue = None
    error: JsonValue = None
    logs: str = ""


class Chunk(BaseModel):
    """A piece of an output that comes before the others."""

    model_config = ConfigDict(frozen=True)

    chunk: JsonValue = None


class _Fault(BaseModel):
    loc: list[JsonValue] = []


class _Faults(BaseModel):
    detail: list[_Fault] = []


def wrong_input(body: bytes, asked: Collection[str]) -> str | None:
    """Return which input a 422 is about, if it is one that was sent."""
    try:
        faults = _Faults.model_validate_json(body).detail
    except ValidationError:
        return None
    found = (str(place) for fault in faults for place in fault.loc)
    return next((place for place in found if place in asked), None)


def progress_in(log: str) -> tuple[int, int] | None:
    """Return step and steps of the last tqdm line in ``log``, such as ``40%|####  | 2/5``."""
    found = _PROGRESS.findall(log)
    if not found:
        return None
    step, steps = (int(number) for number in found[-1])
    return (min(step, steps), steps) if steps else None


def seed_in(log: str) -> int | None:
    """Return the seed that a model wrote into ``log``, such as ``Using seed: 1234``."""
    found = _SEED.search(log)
    return int(found[1]) if found else None


def failure_of_prediction(prediction: Prediction, *, server: str) -> GenqError:
    """Return the taxonomy's form of a prediction that did not succeed.

    The model's own words are not published: they may quote the prompt or its disk.
    """
    said = prediction.error if isinstance(prediction.error, str) else ""
    if prediction.status == "canceled":
        return ModelUnavailableError(
            f"model server {server} broke the prediction off: submit the job again later"
        )
    if prediction.status != "failed":
        return ModelBadAnswerError(
            f"model server {server} gave an answer without an end: submit the job again later"
        )
    if _WITHHELD.search(said):
        return ModelRefusedError(
            f"model server {server} withheld its answer: its safety system does not accept "
            "the input or the output; change the input and submit again"
        )
    if _MEMORY.search(said):
        return ModelUnavailableError(
            f"model server {server} ran out of memory: submit the job again later, or ask for "
            "a smaller size"
        )
    return ModelError(
        f"model server {server} failed at these parameters: change them and submit the job "
        "again; its own log says more"
    )


def outputs_of(output: JsonValue) -> list[str] | None:
    """Return the texts, or links to files, of an output; ``None``: it is anything else."""
    if isinstance(output, str):
        return [output]
    if isinstance(output, list) and all(isinstance(one, str) for one in output):
        return [one for one in output if isinstance(one, str)]
    return None


def data_of(url: str) -> bytes | None:
    """Return what a data URL holds; ``None`` of any other URL.

    Raises:
        ValueError: It holds nothing that can be read.
    """
    if not url.startswith("data:"):
        return None
    head = _DATA.match(url)
    if head is None:
        raise ValueError("not base64")
    try:
        return base64.b64decode(url[head.end() :], validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
