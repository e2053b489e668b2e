"""What jobs generate, and what each kind asks of a model, in OpenAI's parameter names.

Unknown parameters are refused, so that a typing mistake cannot silently cost an image;
parameters that only one model server knows travel in ``extra_body``, as in the OpenAI SDK.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from pydantic import ConfigDict

from schemas.chat_input import ChatInput
from schemas.completion_input import CompletionInput
from schemas.embedding_input import EmbeddingInput
from schemas.errors import FieldError, InputError
from schemas.image_edit_input import ImageEditInput
from schemas.image_input import ImageInput
from schemas.shape import Shape
from schemas.speech_input import SpeechInput


class Kind(StrEnum):
    """What a job generates."""

    IMAGE = "image"
    CHAT = "chat"
    EMBEDDING = "embedding"
    COMPLETION = "completion"
    IMAGE_EDIT = "image_edit"
    SPEECH = "speech"

    @property
    def number(self) -> int:
        """The kind as PostgreSQL stores it."""
        return _NUMBERS[self]

    @property
    def pictures(self) -> bool:
        """Whether pictures come of it."""
        return self in _OF_PICTURES


_NUMBERS: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.IMAGE: 1,
        Kind.CHAT: 2,
        Kind.EMBEDDING: 3,
        Kind.COMPLETION: 4,
        Kind.IMAGE_EDIT: 5,
        Kind.SPEECH: 6,
    }
)
BY_NUMBER: Final[Mapping[int, Kind]] = MappingProxyType(
    {n: kind for kind, n in _NUMBERS.items()}
)
_OF_PICTURES: Final = frozenset({Kind.IMAGE, Kind.IMAGE_EDIT})

Input = ImageInput | ChatInput | EmbeddingInput | CompletionInput | ImageEditInput | SpeechInput
INPUTS: Final[Mapping[Kind, type[Input]]] = MappingProxyType(
    {
        Kind.IMAGE: ImageInput,
        Kind.CHAT: ChatInput,
        Kind.EMBEDDING: EmbeddingInput,
        Kind.COMPLETION: CompletionInput,
        Kind.IMAGE_EDIT: ImageEditInput,
        Kind.SPEECH: SpeechInput,
    }
)

# What genq itself decides about a call. A streamed answer, for one, could not be read.
_OURS: Final = frozenset({"model", "stream", "stream_options", "user"})
_ONLY_OURS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        # How the numbers come; those of genq's own form of a picture.
        Kind.EMBEDDING: frozenset({"encoding_format"}),
        Kind.IMAGE_EDIT: frozenset({"image", "image[]"}),
    }
)

# What some model servers read in the place of words: numbers say nothing to who judges them.
_UNREADABLE: Final = frozenset(
    {
        "prompt_token_ids", "input_token_ids", "token_ids", "input_ids", "prompt_tokens",
        "prompt_embeds", "prompt_embedding", "input_embeds", "inputs_embeds", "image_embeds",
    }
)  # fmt: skip


class Usage(Shape):
    """What an attempt consumed, as far as the model server told.

    Attributes:
        cached_tokens: Of the input's, those that the server had at hand.
        reasoning_tokens: Of the output's, those that no answer shows.
    """

    model_config = ConfigDict(frozen=True)

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int | None = None


def wire_parameters(checked: Input) -> dict[str, Any]:
    """Return the parameters that were given, as JSON types, for storage and the model call."""
    return checked.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def refuse_repeated(extra_body: Mapping[str, Any], kind: Kind) -> None:
    """Hold ``extra_body`` to parameters that nothing else decides or checks.

    Raises:
        InputError: It repeats a parameter of its own right, whose limits it would evade, or
            holds an input that nobody can judge.
    """
    own = _OURS.union(INPUTS[kind].model_fields, _ONLY_OURS.get(kind, ()))
    repeated = sorted(own.intersection(extra_body))
    unreadable = sorted(_UNREADABLE.intersection(extra_body))
    if unreadable:
        raise InputError(
            f"extra_body may not hold {', '.join(unreadable)}: tokens and vectors cannot be "
            "checked; send words",
            fields=[
                FieldError(f"/input/extra_body/{name}", "cannot be checked; send words")
                for name in unreadable
            ],
        )
    if repeated:
        raise InputError(
            f"extra_body may not hold {', '.join(repeated)}: set them as parameters of input, "
            "model or end_user, where they are checked",
            fields=[
                FieldError(f"/input/extra_body/{name}", "is a parameter of its own")
                for name in repeated
            ],
        )
