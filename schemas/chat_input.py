"""What a chat job asks of a model: the parameters of ``POST /chat/completions``."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

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

MAX_MESSAGES: Final = 1_000
MAX_TOP_LOGPROBS: Final = 20


class ChatMessage(Shape):
    """One message of a conversation; ``content`` is text or OpenAI's content parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, JsonValue]] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, JsonValue]] | None = None
    tool_call_id: str | None = None


class ChatInput(Shape):
    """The parameters of ``POST /chat/completions`` that make sense for a queued call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    n: Choices | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Stops | None = None
    seed: TextSeed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: Annotated[bool, Field(strict=True)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS, strict=True)] | None = None
    response_format: dict[str, JsonValue] | None = None
    reasoning_effort: Annotated[str, Field(max_length=16)] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    tools: Annotated[list[dict[str, JsonValue]], Field(max_length=128)] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    parallel_tool_calls: Annotated[bool, Field(strict=True)] | None = None
    prompt_cache_key: Annotated[str, Field(max_length=256)] | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    prompt_cache_options: dict[str, JsonValue] | None = None
    extra_body: dict[str, JsonValue] | None = None

    @model_validator(mode="after")
    def _logprobs_of_what(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        return self
