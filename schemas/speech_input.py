"""What a speech job asks of a model: the parameters of ``POST /audio/speech``."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, JsonValue

from schemas.shape import Shape

MAX_SPOKEN: Final = 4_096
"""Characters that one job may have spoken, as OpenAI's API has it."""
_LONGEST_VOICE: Final = 256

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
USUAL_FORMAT: Final[AudioFormat] = "mp3"
"""What OpenAI's API answers if nothing is said."""

AUDIO_TYPES: Final = (
    "audio/mpeg", "audio/opus", "audio/aac", "audio/flac", "audio/wav", "audio/pcm",
)  # fmt: skip
"""The media types of these, as OpenAI's API calls them; in their order."""

VoiceName = Annotated[str, Field(min_length=1, max_length=_LONGEST_VOICE)]


class OwnVoice(Shape):
    """A voice that was made for an account, by its id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: VoiceName


class SpeechInput(Shape):
    """The parameters of ``POST /audio/speech``.

    A file comes of it, whole: ``stream_format`` is there because OpenAI's clients may say it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Annotated[str, Field(min_length=1, max_length=MAX_SPOKEN)]
    voice: VoiceName | OwnVoice
    instructions: Annotated[str, Field(max_length=MAX_SPOKEN)] | None = None
    response_format: AudioFormat | None = None
    speed: Annotated[float, Field(ge=0.25, le=4)] | None = None
    stream_format: Literal["audio"] | None = None
    extra_body: dict[str, JsonValue] | None = None
