"""What an embedding job asks of a model: the parameters of ``POST /embeddings``."""

from typing import Annotated, Final, cast

from pydantic import ConfigDict, Field, JsonValue, PlainValidator

from schemas.shape import Shape

MAX_INPUTS: Final = 2_048
MAX_DIMENSIONS: Final = 65_536
_LARGEST_TOKEN: Final = 2**31 - 1

Texts = str | list[str] | list[int] | list[list[int]]
"""A text or several, or the same as tokens."""


def _texts(value: object) -> Texts:
    """Say plainly what is wrong; a union of shapes would name the faults of each of them."""
    if isinstance(value, str):
        _refuse_empty([value])
        return value
    if not isinstance(value, list) or not value:
        raise ValueError("must be a text, a list of texts, or tokens; at least one")
    items = cast("list[object]", value)
    if all(isinstance(item, str) for item in items):
        _refuse_empty(items)
    elif not _are_tokens(items) and not all(
        isinstance(item, list) and _are_tokens(cast("list[object]", item)) for item in items
    ):
        raise ValueError("must hold texts alone, tokens alone, or lists of tokens alone")
    if not _are_tokens(items) and len(items) > MAX_INPUTS:
        raise ValueError(f"must hold at most {MAX_INPUTS} texts; send the others as more jobs")
    return cast("Texts", value)


def _are_tokens(items: list[object]) -> bool:
    return bool(items) and all(
        type(item) is int and 0 <= item <= _LARGEST_TOKEN for item in items
    )


def _refuse_empty(items: list[object]) -> None:
    if "" in items:
        raise ValueError("must not hold an empty text")


class EmbeddingInput(Shape):
    """The parameters of ``POST /embeddings``.

    Tokens are the numbers of one model's own. How an answer writes its numbers
    (``encoding_format``) is no matter of the job.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Annotated[Texts, PlainValidator(_texts, json_schema_input_type=Texts)]
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS, strict=True)] | None = None
    extra_body: dict[str, JsonValue] | None = None
