"""Whom a job's sender wants to be told, as the job's request says it."""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from schemas.events import JOB_TYPES, RESPONSE_TYPES, TERMINAL_TYPES, EventType
from schemas.shape import Shape
from schemas.webhooks import CHANNEL_PATTERN, MAX_CHANNELS_OF_JOB

MAX_URL_BYTES: Final = 2_048
# The longest name that DNS knows, and room for a port; PostgreSQL indexes it.
MAX_HOST_BYTES: Final = 260


# Of OpenAI's words jobs hear that came in by /v1/responses, in the background.
_ASKABLE: Final = (*JOB_TYPES, *RESPONSE_TYPES)
_BY_NAME: Final[Mapping[str, EventType]] = {kind.value: kind for kind in _ASKABLE}


def _of_a_job(name: object) -> EventType:
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"must be of {', '.join(_ASKABLE)}")
    return kind


def _some(kinds: tuple[EventType, ...]) -> tuple[EventType, ...]:
    # Said by hand: pydantic would count what is left of a list with faults.
    if not kinds:
        raise ValueError("must name at least one; leave it out for the ends of jobs")
    return tuple(dict.fromkeys(kinds))


def _without_twins(channels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(channels))


JobEventType = Annotated[
    EventType,
    BeforeValidator(_of_a_job),
    WithJsonSchema({"type": "string", "enum": list(_ASKABLE)}),
]
JobEventTypes = Annotated[
    tuple[JobEventType, ...],
    Field(max_length=len(_ASKABLE), json_schema_extra={"minItems": 1}),
    AfterValidator(_some),
]
Channels = Annotated[
    tuple[Annotated[str, Field(pattern=f"^{CHANNEL_PATTERN}$")], ...],
    Field(max_length=MAX_CHANNELS_OF_JOB),
    AfterValidator(_without_twins),
]


def _readable(url: str) -> str:
    # The end of what it is told of takes it apart, and must not fail over it.
    try:
        parts = urlsplit(url)
        readable = (
            parts.scheme in {"http", "https"}
            and url.isprintable()
            and " " not in url
            and bool(parts.hostname)
        )
        readable = readable and parts.port != 0 and len(url.encode()) <= MAX_URL_BYTES
        readable = readable and len(parts.netloc.encode()) <= MAX_HOST_BYTES
    except ValueError:
        readable = False
    if not readable:
        raise ValueError(
            "must be a URL such as https://host/path, its spaces escaped, in at most"
            f" {MAX_URL_BYTES} bytes and its host in at most {MAX_HOST_BYTES}"
        )
    return url


WebhookUrl = Annotated[str, Field(max_length=MAX_URL_BYTES), AfterValidator(_readable)]


class WebhookTarget(Shape):
    """Where the job's events go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: WebhookUrl
    events: JobEventTypes = TERMINAL_TYPES
