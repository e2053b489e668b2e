"""What model servers answer, in OpenAI's shapes: only what genq uses, taken with care.

pydantic reads the JSON and the base64 inside it in one pass, seven times as fast as orjson and
binascii do in two.
"""

import sys
from collections.abc import Sequence
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from schemas.generation import Usage
from schemas.work import MOST_TOLD


class ImageItem(BaseModel):
    """One picture: its bytes, or a link to them."""

    model_config = ConfigDict(val_json_bytes="base64", frozen=True)

    b64_json: bytes | None = None
    url: str | None = None
    revised_prompt: str | None = None


class ImageAnswer(BaseModel):
    """The answer of ``POST /images/generations`` and ``POST /images/edits``.

    Attributes:
        seed: The one that was used, of servers that tell it here.
        genq: What genq's simulator tells of itself, the seed among it.
    """

    model_config = ConfigDict(frozen=True)

    data: list[ImageItem] = []
    seed: JsonValue = None
    genq: JsonValue = None
    usage: JsonValue = None
    error: JsonValue = None


class Choice(BaseModel):
    """One answer of a conversation."""

    model_config = ConfigDict(frozen=True)

    message: dict[str, JsonValue]
    index: int = 0
    finish_reason: str | None = None
    logprobs: JsonValue = None


class ChatAnswer(BaseModel):
    """The answer of ``POST /chat/completions``."""

    model_config = ConfigDict(frozen=True)

    choices: list[Choice] = []
    usage: JsonValue = None
    error: JsonValue = None


class CompletionChoice(BaseModel):
    """One text that goes on from a prompt."""

    model_config = ConfigDict(frozen=True)

    text: str
    index: int = 0
    finish_reason: str | None = None
    logprobs: JsonValue = None


class CompletionAnswer(BaseModel):
    """The answer of ``POST /completions``."""

    model_config = ConfigDict(frozen=True)

    choices: list[CompletionChoice] = []
    usage: JsonValue = None
    error: JsonValue = None


class EmbeddingItem(BaseModel):
    """One vector: its numbers, or their bytes in base64."""

    model_config = ConfigDict(frozen=True)

    embedding: str | list[float]
    index: int = 0


class EmbeddingAnswer(BaseModel):
    """The answer of ``POST /embeddings``."""

    model_config = ConfigDict(frozen=True)

    data: list[EmbeddingItem] = []
    usage: JsonValue = None
    error: JsonValue = None


class ReportedAnswer(BaseModel):
    """What a proxy says with HTTP 200 where a file was asked for."""

    model_config = ConfigDict(frozen=True)

    error: JsonValue = None


_LEAST_WHOLE: Final = -(2**63)
_MOST_WHOLE: Final = 2**64 - 1

Answer = TypeVar(
    "Answer", ImageAnswer, ChatAnswer, CompletionAnswer, EmbeddingAnswer, ReportedAnswer
)


def usage_of(reported: JsonValue, *, images: int | None = None) -> Usage:
    """Return what the server said of the costs, under either of OpenAI's two sets of names."""
    told = reported if isinstance(reported, dict) else {}
    return Usage(
        input_tokens=count_of(told.get("input_tokens", told.get("prompt_tokens"))),
        output_tokens=count_of(told.get("output_tokens", told.get("completion_tokens"))),
        cached_tokens=_detail(told, ("input_tokens", "prompt_tokens"), "cached_tokens"),
        reasoning_tokens=_detail(
            told, ("output_tokens", "completion_tokens"), "reasoning_tokens"
        ),
        images=images,
    )


def _detail(told: dict[str, JsonValue], names: Sequence[str], wanted: str) -> int | None:
    for name in names:
        details = told.get(f"{name}_details")
        if isinstance(details, dict):
            return count_of(details.get(wanted))
    return None


def text_of(message: dict[str, JsonValue]) -> str | None:
    """Return the words of an assistant's message, or of its refusal if there are no others."""
    content = message.get("content")
    if isinstance(content, str):
        return storable_text(content)
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return storable_text("".join(part for part in parts if isinstance(part, str)))
    refusal = message.get("refusal")
    return storable_text(refusal) if isinstance(refusal, str) else None


def storable_text(text: str) -> str:
    """Return ``text`` without U+0000, which PostgreSQL cannot hold."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def storable(value: JsonValue) -> JsonValue:
    """Return ``value`` as PostgreSQL's ``jsonb`` takes it: no U+0000, no NaN, no infinity.

    Nor whole numbers of more than 64 bits, which JSON writers refuse: ``jsonb`` gives floats of
    such a size back as those.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if type(value) is int and not _LEAST_WHOLE <= value <= _MOST_WHOLE:
        return float(value) if abs(value) <= sys.float_info.max else None
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable_text(key): storable(item) for key, item in value.items()}
    return value


def count_of(value: JsonValue) -> int | None:
    """Return a number of tokens as a server told it; ``None``: it told none."""
    return min(value, MOST_TOLD) if type(value) is int and value >= 0 else None
