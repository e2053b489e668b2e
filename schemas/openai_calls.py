"""OpenAI's bodies, as the OpenAPI document tells of them: what endpoints take and answer.

Nothing is checked by these: ``producer.openai`` takes bodies apart, ``schemas.generation``
checks what is the model's.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.cache import CacheMode, JobCacheView
from schemas.chat_input import ChatMessage
from schemas.generation import Kind
from schemas.job_safety import SafetyView
from schemas.job_states import JobStatus
from schemas.lanes import Lane
from schemas.server_tags import Requires
from schemas.shape import Shape
from schemas.speech_input import MAX_SPOKEN, AudioFormat, OwnVoice
from schemas.webhook_target import WebhookTarget

ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]


class GenqOptions(Shape):
    """What only genq knows of a job: in the SDK, ``extra_body={"genq": {…}}``."""

    model_config = ConfigDict(extra="forbid")

    lane: Lane | None = None
    priority: int | None = Field(None, ge=0, le=9)
    tags: list[str] | None = None
    webhook: WebhookTarget | None = None
    end_user: str | None = None
    cache: CacheMode | None = None
    requires: Requires | None = None


class CallRequest(Shape):
    """What bodies of all endpoints have in common.

    Other names travel to the model server as they are, unless they look like a mistake.
    """

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(None, description="the first configured one, if left out")
    service_tier: ServiceTier | None = Field(
        None, description="priority, fast, ultrafast: lane turbo; flex: relax; others: fast"
    )
    safety_identifier: str | None = Field(None, max_length=128, description="the end user")
    user: str | None = Field(None, description="the same, as older clients say it")
    metadata: dict[str, str] | None = None
    genq: GenqOptions | None = None


class ChatCompletionRequest(CallRequest):
    """The body of ``POST /v1/chat/completions``; ``ChatInput`` has all parameters."""

    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None


class JobFacts(Shape):
    """The member ``genq`` of an answer: the job behind it."""

    job_id: str
    status: JobStatus
    lane: Lane
    priority: int
    attempts: int
    queued_seconds: float | None
    running_seconds: float | None
    cache: JobCacheView | None
    safety: SafetyView | None
    url: str


class TokenUsage(Shape):
    """What was counted, in the names of chats and completions."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] | None = None
    completion_tokens_details: dict[str, int] | None = None


class ChatChoiceView(Shape):
    """One answer of a model."""

    index: int
    message: dict[str, Any]
    logprobs: dict[str, Any] | None
    finish_reason: str


class ChatCompletionView(Shape):
    """The answer of ``POST /v1/chat/completions``."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoiceView]
    usage: TokenUsage | None
    service_tier: str | None = None
    genq: JobFacts


class CompletionRequest(CallRequest):
    """The body of ``POST /v1/completions``; ``CompletionInput`` has all parameters."""

    prompt: str | list[str]
    stream: bool | None = None


class TextChoiceView(Shape):
    """One text of a model."""

    index: int
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: str


class CompletionView(Shape):
    """The answer of ``POST /v1/completions``."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoiceView]
    usage: TokenUsage | None
    service_tier: str | None = None
    genq: JobFacts


class EmbeddingRequest(CallRequest):
    """The body of ``POST /v1/embeddings``; ``EmbeddingInput`` has all parameters."""

    input: str | list[str] | list[int] | list[list[int]]
    dimensions: int | None = Field(None, ge=1)
    encoding_format: Literal["float", "base64"] | None = None


class VectorView(Shape):
    """One vector: numbers, or float32 of them, least significant byte first, in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Shape):
    """What was counted; 0 where the model server tells nothing."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingView(Shape):
    """The answer of ``POST /v1/embeddings``."""

    object: Literal["list"]
    data: list[VectorView]
    model: str
    usage: EmbeddingUsage
    genq: JobFacts


class SpeechRequest(CallRequest):
    """The body of ``POST /v1/audio/speech``; ``SpeechInput`` has all parameters."""

    input: str = Field(min_length=1, max_length=MAX_SPOKEN)
    voice: str | OwnVoice
    instructions: str | None = None
    response_format: AudioFormat | None = Field(None, description="mp3, if left out")
    speed: float | None = Field(None, ge=0.25, le=4)
    stream_format: Literal["audio"] | None = None


class ModelFacts(Shape):
    """The member ``genq`` of a model."""

    kinds: list[Kind]


class OpenAIModelView(Shape):
    """A model that the tenant may name; ``owned_by`` is the first server that has it."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    genq: ModelFacts


class OpenAIModelPage(Shape):
    """Every model that the tenant may name."""

    object: Literal["list"]
    data: list[OpenAIModelView]
