"""A job as callers ask for it."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, JsonValue, field_validator

from schemas.cache import CacheMode
from schemas.generation import Kind
from schemas.lanes import DEFAULT_LANE, DEFAULT_PRIORITY, LOWEST_PRIORITY, Lane
from schemas.server_tags import Requires
from schemas.shape import Shape
from schemas.unique import UniqueKey
from schemas.webhook_target import Channels, WebhookTarget
from schemas.when import SecondsFromNow, When

MAX_METADATA_KEYS: Final = 16
MAX_TAGS: Final = 16
MAX_TAG_CHARACTERS: Final = 64


class JobRequest(Shape):
    """The body of ``POST /v1/jobs``; ``input`` is checked by kind in ``schemas.generation``.

    ``prompt_flags``: the prompt of a job of pictures may end in flags such as ``--ar 16:9``,
    which are read and taken off it (``schemas.prompt_flags``); else a prompt is never changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    input: dict[str, JsonValue]
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    lane: Lane = DEFAULT_LANE
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY, strict=True)] = DEFAULT_PRIORITY
    webhook: WebhookTarget | None = None
    channels: Channels = ()
    metadata: Annotated[
        dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
        Field(max_length=MAX_METADATA_KEYS),
        # Not {}: pydantic would copy that, deeply, for every job.
    ] = Field(default_factory=dict[str, str])
    tags: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_TAG_CHARACTERS)], ...],
        Field(max_length=MAX_TAGS),
    ] = ()
    end_user: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    run_at: When | None = None
    start_timeout: SecondsFromNow | None = None
    deadline: When | None = None
    unique: UniqueKey | None = None
    prompt_flags: Annotated[bool, Field(strict=True)] = False
    cache: CacheMode = CacheMode.AUTO
    requires: Requires | None = None

    @field_validator("metadata", "end_user", mode="after")
    @classmethod
    def _no_nul(cls, value: dict[str, str] | str | None) -> dict[str, str] | str | None:
        # PostgreSQL's text and jsonb cannot hold U+0000.
        texts = [*value, *value.values()] if isinstance(value, dict) else [value or ""]
        if any("\x00" in text for text in texts):
            raise ValueError("must not contain the character U+0000")
        return value

    @field_validator("tags", mode="after")
    @classmethod
    def _words(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        if any(not tag.isprintable() or tag != tag.strip() for tag in tags):
            raise ValueError("a tag must be of printable characters, with no space around it")
        return tuple(dict.fromkeys(tags))
