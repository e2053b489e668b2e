"""A batch as callers ask for it, and another try of its lines that did not succeed."""

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from schemas.events import EventType
from schemas.job_request import MAX_METADATA_KEYS
from schemas.lanes import DEFAULT_PRIORITY, LOWEST_PRIORITY, Lane
from schemas.shape import Shape
from schemas.webhook_target import WebhookUrl

BATCH_ENDPOINTS: Final = (
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
)
BATCH_TYPES: Final = tuple(kind for kind in EventType if kind.family == "batch")
MOST_PARALLEL: Final = 1_000_000
DEFAULT_WINDOW: Final = "24h"
_SHORTEST_WINDOW: Final = timedelta(hours=1)
_LONGEST_WINDOW: Final = timedelta(days=7)
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,3})([hd])")
_BY_NAME: Final[Mapping[str, EventType]] = MappingProxyType(
    {kind.value: kind for kind in BATCH_TYPES}
)


def window_of(written: str) -> timedelta:
    """Return a completion window, such as ``24h`` or ``7d``.

    Raises:
        ValueError: It is none, or shorter than an hour, or longer than seven days.
    """
    found = _WINDOW.fullmatch(written)
    if found is not None:
        number = int(found[1])
        window = timedelta(hours=number) if found[2] == "h" else timedelta(days=number)
        if _SHORTEST_WINDOW <= window <= _LONGEST_WINDOW:
            return window
    raise ValueError("must be hours or days, such as 24h or 3d, from 1h to 7d")


def _window(written: str) -> str:
    window_of(written)
    return written


def _known(path: str) -> str:
    if path in BATCH_ENDPOINTS:
        return path
    if "\x00" in path:
        raise ValueError("must not contain the character U+0000")
    raise ValueError(f"no batches of {path[:64]!r}; must be of {', '.join(BATCH_ENDPOINTS)}")


def _of_a_batch(name: object) -> EventType:
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"must be of {', '.join(BATCH_TYPES)}")
    return kind


def _some(kinds: tuple[EventType, ...]) -> tuple[EventType, ...]:
    if not kinds:
        raise ValueError("must name at least one; leave it out for all ends of the batch")
    return tuple(dict.fromkeys(kinds))


def _storable(pairs: dict[str, str] | None) -> dict[str, str] | None:
    if pairs and any("\x00" in text for pair in pairs.items() for text in pair):
        raise ValueError("must not contain the character U+0000")
    return pairs


Window = Annotated[
    str,
    Field(max_length=8, json_schema_extra={"examples": ["24h", "3d"]}),
    AfterValidator(_window),
]
Endpoint = Annotated[
    str,
    Field(max_length=128),
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": list(BATCH_ENDPOINTS)}),
]
_BatchType = Annotated[
    EventType,
    BeforeValidator(_of_a_batch),
    WithJsonSchema({"type": "string", "enum": list(BATCH_TYPES)}),
]
_Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]] | None,
    Field(max_length=MAX_METADATA_KEYS),
    AfterValidator(_storable),
]


class BatchWebhook(Shape):
    """Where the end of the batch is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: WebhookUrl
    events: Annotated[
        tuple[_BatchType, ...],
        Field(max_length=len(BATCH_TYPES), json_schema_extra={"minItems": 1}),
        AfterValidator(_some),
    ] = BATCH_TYPES


class OutputExpiry(Shape):
    """How long the output and error files are kept, from when they are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3_600, le=2_592_000, strict=True)]


class BatchOptions(Shape):
    """What is genq's own of a batch: the member ``genq`` of the body.

    Attributes:
        lane: Where its lines queue.
        priority: 0 to 9, 0 first, among the tenant's jobs of that lane.
        webhook: Told of the batch's end, beside the endpoints that ask for it.
        max_parallel: The most lines that are in the queue or running at once.
        ordered_output: The output file has the order of the input file; else that in which
            lines ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lane: Lane = Lane.BATCH
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY, strict=True)] = DEFAULT_PRIORITY
    webhook: BatchWebhook | None = None
    max_parallel: Annotated[int, Field(ge=1, le=MOST_PARALLEL, strict=True)] | None = None
    ordered_output: Annotated[bool, Field(strict=True)] = True


class BatchRequest(Shape):
    """The body of ``POST /v1/batches``.

    Attributes:
        input_file_id: An uploaded file whose purpose is ``batch``: JSON, one request a line.
        endpoint: What every line asks for.
        completion_window: ``<n>h`` or ``<n>d``, from 1h to 7d; what has not ended by then
            expires.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_file_id: Annotated[str, Field(min_length=1, max_length=64)]
    endpoint: Endpoint
    completion_window: Window
    metadata: _Metadata = None
    output_expires_after: OutputExpiry | None = None
    genq: BatchOptions = BatchOptions()


class BatchRetry(Shape):
    """The body of ``POST /v1/batches/{id}/retry``: what is absent is as the first time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    completion_window: Window | None = None
