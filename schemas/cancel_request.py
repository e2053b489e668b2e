"""Which jobs to cancel at once, as callers say it, and what came of it."""

from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import (
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from schemas.generation import Kind
from schemas.ids import InvalidIdError, parse_id
from schemas.job_request import MAX_METADATA_KEYS
from schemas.lanes import Lane
from schemas.shape import Shape
from schemas.when import Instant

_CHOICES: Final = (
    "lane",
    "kind",
    "model",
    "batch_id",
    "status",
    "end_user",
    "metadata",
    "created_before",
    "created_after",
)


class CancelRequest(Shape):
    """The body of ``POST /v1/jobs/cancel``: a job must fit everything that is given.

    ``all`` says that every unfinished job is meant; it is asked for when nothing else narrows
    the choice, so that an empty body cancels nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lane: Lane | None = None
    kind: Kind | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    batch_id: Annotated[str, Field(max_length=64)] | None = None
    status: Literal["queued", "running"] | None = None
    end_user: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(min_length=1, max_length=MAX_METADATA_KEYS),
        ]
        | None
    ) = None
    created_before: Instant | None = None
    created_after: Instant | None = None
    all: bool = False
    dry_run: bool = False

    @field_validator("batch_id", mode="after")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_id("batch", value)
            except InvalidIdError as error:
                raise ValueError(f"must be a batch's id, batch_…: {error}") from None
        return value

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not self.all and all(getattr(self, name) is None for name in _CHOICES):
            raise ValueError(
                'say which jobs, by lane, status, metadata…; or "all": true for every one'
            )
        return self

    @property
    def batch_key(self) -> UUID | None:
        """The key inside ``batch_id``."""
        return parse_id("batch", self.batch_id) if self.batch_id else None


class CancelReport(Shape):
    """What a ``CancelRequest`` did.

    Attributes:
        matched: Unfinished jobs that it meant.
        cancelled: Of these, jobs that waited: they have ended.
        cancelling: Of these, jobs that run: their workers were told.
        more: There are further jobs; send the same request again.
    """

    object: Literal["cancellation"] = "cancellation"
    matched: int
    cancelled: int
    cancelling: int
    more: bool = False
    dry_run: bool = False
