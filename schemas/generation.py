"""What a job asks of a model, per kind, in OpenAI's parameter names, checked before storage.

Unknown parameters are refused, so that a typing mistake cannot silently cost an image;
parameters that only one model server knows travel in ``extra_body``, as in the OpenAI SDK.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from schemas.errors import FieldError, InputError

MAX_PROMPT_CHARACTERS: Final = 32_000
MAX_IMAGES: Final = 10
MAX_MESSAGES: Final = 1_000


class Kind(StrEnum):
    """What a job generates."""

    IMAGE = "image"
    CHAT = "chat"

    @property
    def number(self) -> int:
        """The kind as PostgreSQL stores it."""
        return _NUMBERS[self]


_NUMBERS: Final[Mapping[Kind, int]] = MappingProxyType({Kind.IMAGE: 1, Kind.CHAT: 2})
BY_NUMBER: Final[Mapping[int, Kind]] = MappingProxyType(
    {n: kind for kind, n in _NUMBERS.items()}
)


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d{1,3}x[1-9]\d{1,3}|auto", text, re.ASCII):
        raise ValueError("must be WIDTHxHEIGHT in pixels, such as 1024x768, or auto")
    return text


class ImageInput(BaseModel):
    """The parameters of ``POST /images/generations``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARACTERS)]
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES, strict=True)] = 1
    size: Annotated[str, AfterValidator(_size)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)] | None = None
    quality: Annotated[str, Field(max_length=32)] | None = None
    style: Annotated[str, Field(max_length=32)] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    extra_body: dict[str, JsonValue] | None = None


class ChatMessage(BaseModel):
    """One message of a conversation; ``content`` is text or OpenAI's content parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, JsonValue]] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    tool_calls: list[dict[str, JsonValue]] | None = None
    tool_call_id: str | None = None


class ChatInput(BaseModel):
    """The parameters of ``POST /chat/completions`` that make sense for a queued call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1, strict=True)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    response_format: dict[str, JsonValue] | None = None
    reasoning_effort: Annotated[str, Field(max_length=16)] | None = None
    tools: Annotated[list[dict[str, JsonValue]], Field(max_length=128)] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    extra_body: dict[str, JsonValue] | None = None


INPUTS: Final[Mapping[Kind, type[ImageInput | ChatInput]]] = MappingProxyType(
    {Kind.IMAGE: ImageInput, Kind.CHAT: ChatInput}
)

# What genq itself decides about a call. A streamed answer, for one, could not be read.
_OURS: Final = frozenset({"model", "stream", "stream_options", "user"})


class Usage(BaseModel):
    """What an attempt consumed, as far as the model server told."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int | None = None
    output_tokens: int | None = None
    images: int | None = None


def wire_parameters(checked: ImageInput | ChatInput) -> dict[str, Any]:
    """Return the parameters that were given, as JSON types, for storage and the model call."""
    return checked.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def refuse_repeated(extra_body: Mapping[str, Any], kind: Kind) -> None:
    """Hold ``extra_body`` to parameters that nothing else decides or checks.

    Raises:
        InputError: It repeats a parameter of its own right, whose limits it would evade.
    """
    repeated = sorted(_OURS.union(INPUTS[kind].model_fields).intersection(extra_body))
    if repeated:
        raise InputError(
            f"extra_body may not hold {', '.join(repeated)}: set them as parameters of input, "
            "model or end_user, where they are checked",
            fields=[
                FieldError(f"/input/extra_body/{name}", "is a parameter of its own")
                for name in repeated
            ],
        )
