"""OpenAI's responses, as the OpenAPI document tells of them.

Nothing is checked by these: ``producer.openai.responses`` takes bodies apart.
"""

from typing import Any, Literal

from pydantic import Field

from schemas.openai_calls import CallRequest, JobFacts
from schemas.shape import Shape

ResponseStatus = Literal[
    "queued", "in_progress", "completed", "incomplete", "failed", "cancelled"
]


class ResponseRequest(CallRequest):
    """The body of ``POST /v1/responses``."""

    input: str | list[dict[str, Any]] = Field(description="a text, or messages")
    instructions: str | None = None
    background: bool | None = None
    stream: bool | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    text: dict[str, Any] | None = Field(None, description="format and verbosity")
    reasoning: dict[str, Any] | None = Field(None, description="effort")
    tools: list[dict[str, Any]] | None = Field(
        None, description="functions; or image_generation, alone"
    )
    tool_choice: str | dict[str, Any] | None = None


class ResponseFault(Shape):
    """Why a response failed."""

    code: str
    message: str


class ResponseCut(Shape):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseUsage(Shape):
    """What was counted."""

    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class ResponseView(Shape):
    """A response. ``output``: messages, calls of functions, or pictures in base64."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: ResponseStatus
    background: bool
    model: str
    output: list[dict[str, Any]]
    error: ResponseFault | None
    incomplete_details: ResponseCut | None
    usage: ResponseUsage | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: None
    parallel_tool_calls: bool
    prompt_cache_key: str | None
    reasoning: dict[str, Any]
    temperature: float | None
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_logprobs: int | None
    top_p: float | None
    metadata: dict[str, str]
    safety_identifier: str | None
    service_tier: str
    previous_response_id: None
    store: bool
    truncation: Literal["disabled"]
    genq: JobFacts


class ResponseDeletedView(Shape):
    """A response that is gone."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]
