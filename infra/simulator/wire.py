"""The request bodies of OpenAI's routes, as far as the simulator reads them.

Parameters that need a real model (``temperature``, ``tools``, …) are taken and change nothing.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from infra.simulator.sources import Sources

SMALLEST_SIDE: Final = 64
LARGEST_SIDE: Final = 2048
LARGEST_UPSCALED: Final = 4096
MAX_IMAGES: Final = 10
MAX_PARTIAL_IMAGES: Final = 3
MAX_EDITED: Final = 16
MAX_CHOICES: Final = 8
MAX_INPUTS: Final = 2048
MAX_DIMENSIONS: Final = 3072
MAX_SPOKEN: Final = 4096

_Prompt = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=1, max_length=32_000)
]
_Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]


class Body(BaseModel):
    """What all bodies share: exact types, unknown parameters left alone."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ImageBody(Body):
    """``POST /v1/images/generations``."""

    model: str = "sim-image-1"
    prompt: _Prompt
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES)] | None = None
    size: Annotated[str, StringConstraints(max_length=32)] | None = None
    seed: _Seed | None = None
    response_format: Literal["b64_json", "url"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=MAX_PARTIAL_IMAGES)] | None = None


class ImageEditBody(ImageBody):
    """``POST /v1/images/edits``, read from its form.

    Attributes:
        sources: The pictures; they are no field of the form's that a caller could name.
    """

    input_fidelity: Literal["high", "low"] | None = None
    sources: Annotated[Sources | None, Field(exclude=True, init=False)] = None


class PictureLink(Body):
    """Where a picture of a message is: a data URL."""

    url: str


class Part(Body):
    """A part of a message: text, a picture, or something that the simulator cannot read."""

    type: str
    text: str | None = None
    image_url: PictureLink | None = None


class Message(Body):
    """A message of a conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Return what the message says."""
        if isinstance(self.content, list):
            return " ".join(part.text for part in self.content if part.text)
        return self.content or ""

    def pictures(self) -> list[str]:
        """Return the URLs of its pictures."""
        parts = self.content if isinstance(self.content, list) else []
        return [part.image_url.url for part in parts if part.image_url]


class StreamOptions(Body):
    """How a stream is wanted."""

    include_usage: bool | None = None


class JsonSchema(Body):
    """A named JSON schema."""

    name: str
    schema_: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="schema")


class ResponseFormat(Body):
    """Text, any JSON, or JSON that follows a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatBody(Body):
    """``POST /v1/chat/completions``."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    seed: _Seed | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    response_format: ResponseFormat | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None

    def question(self) -> str:
        """Return the last thing the user said, or else the last message."""
        asked = [message for message in self.messages if message.role == "user"]
        return (asked or self.messages)[-1].text()

    def pictures(self) -> list[str]:
        """Return the URLs of all pictures, in their order."""
        return [url for message in self.messages for url in message.pictures()]


class CompletionBody(Body):
    """``POST /v1/completions``."""

    model: str
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    suffix: str | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    seed: _Seed | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    stream: bool | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None

    def prompts(self) -> list[str]:
        """Return each prompt."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


_Text = Annotated[str, StringConstraints(min_length=1)]
_Tokens = Annotated[list[int], Field(min_length=1)]


class EmbeddingBody(Body):
    """``POST /v1/embeddings``."""

    model: str
    input: (
        _Text
        | _Tokens
        | Annotated[list[_Text], Field(min_length=1, max_length=MAX_INPUTS)]
        | Annotated[list[_Tokens], Field(min_length=1, max_length=MAX_INPUTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)] | None = None

    def texts(self) -> list[str]:
        """Return each input as text; token numbers stand for themselves."""
        if isinstance(self.input, str):
            return [self.input]
        numbers = [part for part in self.input if isinstance(part, int)]
        if numbers:
            return [" ".join(map(str, numbers))]
        return [_as_text(part) for part in self.input]


def _as_text(part: str | list[int] | int) -> str:
    return " ".join(map(str, part)) if isinstance(part, list) else str(part)


class VoiceId(Body):
    """A voice by its id."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class SpeechBody(Body):
    """``POST /v1/audio/speech``. What ``instructions`` say changes nothing."""

    model: str
    input: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SPOKEN)]
    voice: Annotated[str, StringConstraints(min_length=1, max_length=256)] | VoiceId
    instructions: str | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: Annotated[float, Field(ge=0.25, le=4)] | None = None
    stream_format: Literal["sse", "audio"] | None = None


class ModerationBody(Body):
    """``POST /v1/moderations``."""

    model: str = "sim-moderation-1"
    input: (
        str
        | Annotated[list[str], Field(min_length=1)]
        | Annotated[list[Part], Field(min_length=1)]
    )

    def texts(self) -> list[str]:
        """Return what is judged: each string by itself, all parts of a message together."""
        if isinstance(self.input, str):
            return [self.input]
        said = [part for part in self.input if isinstance(part, str)]
        if said:
            return said
        parts = [part.text for part in self.input if isinstance(part, Part) and part.text]
        return [" ".join(parts)]
