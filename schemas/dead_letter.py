"""Dead letters: jobs that used up their attempts, and how they are sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from schemas.cache import CacheMode
from schemas.errors import ErrorRecord
from schemas.generation import Kind
from schemas.ids import InvalidIdError, parse_id
from schemas.job_states import AttemptOutcome
from schemas.lanes import LOWEST_PRIORITY, Lane
from schemas.merge_patch import merge_patch
from schemas.webhook_target import WebhookTarget
from schemas.when import Instant

MOST_REDRIVEN: Final = 1_000
_STRICT: Final = ConfigDict(extra="forbid", frozen=True, defer_build=True)
# PostgreSQL's text cannot hold U+0000.
_Word = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]


class DeadLetterFilter(BaseModel):
    """Which dead letters are meant: those that fit all that is given.

    ``code`` is the error's; ``since`` and ``until`` tell when they died.
    """

    model_config = _STRICT

    code: _Word | None = None
    model: _Word | None = None
    kind: Kind | None = None
    lane: Lane | None = None
    since: Instant | None = None
    until: Instant | None = None


class DeadLetterEdits(BaseModel):
    """What is changed before a dead job runs again; what is not given stays as it was.

    ``input`` is a JSON merge patch (RFC 7396): null removes a parameter. A ``webhook`` of null
    tells nobody.
    """

    model_config = _STRICT

    input: dict[str, JsonValue] = {}
    model: _Word | None = None
    lane: Lane | None = None
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY, strict=True)] | None = None
    webhook: WebhookTarget | None = None

    @field_validator("model", "lane", "priority", mode="before")
    @classmethod
    def _given(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null; leave it out to keep what the job had")
        return value

    def applied_to(self, letter: "DeadLetter") -> dict[str, Any]:
        """Return the body of the new job, in the shape of ``JobRequest``, unchecked."""
        told: dict[str, Any] = {
            "kind": letter.kind,
            "input": merge_patch(letter.input, self.input),
            "model": letter.model,
            "lane": letter.lane,
            "priority": letter.priority,
            "webhook": letter.webhook,
            "channels": letter.channels,
            "cache": letter.cache,
            "metadata": dict(letter.metadata),
            "end_user": letter.end_user,
            "tags": list(letter.tags),
            "requires": {"tags": list(letter.requires)} if letter.requires else None,
        }
        changed = self.model_fields_set - {"input"}
        return told | {name: getattr(self, name) for name in changed}


class RedriveRequest(BaseModel):
    """The body of ``POST /v1/dead_letters/redrive``: one job, or all that fit a filter.

    Attributes:
        limit: Of one request; the oldest come first.
        submitted_before: Jobs that were submitted later are left alone. Now, if not given: a
            job that is sent again and dies at once does not fit its own redrive.
    """

    model_config = _STRICT

    job_id: str | None = None
    filter: DeadLetterFilter | None = None
    edits: DeadLetterEdits = DeadLetterEdits()
    dry_run: bool = False
    submitted_before: Instant | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_REDRIVEN, strict=True)] = MOST_REDRIVEN

    @field_validator("job_id", mode="after")
    @classmethod
    def _id(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_id("job", value)
            except InvalidIdError as error:
                raise ValueError(f"must be a job's id: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.job_id is None) == (self.filter is None):
            raise ValueError("give job_id, or filter ({} means every dead letter), not both")
        return self


@dataclass(frozen=True, slots=True)
class Death:
    """The end of one attempt."""

    number: int
    outcome: AttemptOutcome
    started_at: datetime | None
    ended_at: datetime
    error: ErrorRecord | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that used up its attempts.

    Attributes:
        redrive_of: The dead job that it was to replace, if it was itself sent again.
        redriven_by: The job that was sent in its place.
        webhook: As it was submitted, ``{"url", "events"}``.
        channels: Words by which endpoints choose what they are told.
        cache: Whether an earlier answer would do.
        requires: Tags that it insists on of a model server.
        typed: Its prompt with the flags that it ended in, if any were read.
        history: Its attempts, where these were asked for.
        erased: Its input is gone, so that it cannot be sent again.
    """

    id: UUID
    kind: Kind
    model: str
    lane: Lane
    priority: int
    created_at: datetime
    died_at: datetime
    attempts: int
    error: ErrorRecord | None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    end_user: str | None = None
    tags: Sequence[str] = ()
    redrive_of: UUID | None = None
    redriven_by: UUID | None = None
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])
    webhook: Mapping[str, Any] | None = None
    channels: Sequence[str] = ()
    cache: CacheMode = CacheMode.AUTO
    requires: Sequence[str] = ()
    typed: str | None = None
    history: Sequence[Death] = ()
    erased: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetterGroup:
    """Dead letters of one cause; ``sample`` are the newest of them."""

    code: str
    model: str
    kind: Kind
    count: int
    first_at: datetime
    last_at: datetime
    message: str
    sample: Sequence[UUID]
