"""What a completion job asks of a model: the parameters of ``POST /completions``."""

from typing import Annotated, Final, Self, cast

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    model_validator,
)

from schemas.parameters import (
    Choices,
    Penalty,
    Probability,
    Stops,
    Temperature,
    TextSeed,
    Tokens,
)
from schemas.shape import Shape

MAX_PROMPTS: Final = 128
MAX_BEST_OF: Final = 20
MAX_LOGPROBS: Final = 5

Prompts = str | list[str]


def _prompts(value: object) -> Prompts:
    if isinstance(value, str):
        return value
    items = cast("list[object]", value) if isinstance(value, list) else []
    if not items or not all(isinstance(item, str) for item in items):
        raise ValueError("must be a text or a list of texts; tokens cannot be checked")
    if len(items) > MAX_PROMPTS:
        raise ValueError(f"must hold at most {MAX_PROMPTS} texts; send the others as more jobs")
    return cast("Prompts", value)


class CompletionInput(Shape):
    """The parameters of ``POST /completions``, OpenAI's older way to ask for text.

    Prompts are words: tokens are numbers of one model's own, and nobody could check what they
    say before a model goes on from there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Annotated[Prompts, PlainValidator(_prompts, json_schema_input_type=Prompts)]
    suffix: str | None = None
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    n: Choices | None = None
    best_of: Annotated[int, Field(ge=1, le=MAX_BEST_OF, strict=True)] | None = None
    echo: Annotated[bool, Field(strict=True)] | None = None
    stop: Stops | None = None
    seed: TextSeed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_LOGPROBS, strict=True)] | None = None
    extra_body: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _best_of_enough(self) -> Self:
        if self.best_of is not None and self.best_of < (self.n or 1):
            raise ValueError("best_of must not be below n")
        return self
