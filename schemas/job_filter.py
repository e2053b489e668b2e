"""Which jobs are meant: one filter for lists and for actions on many jobs."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from schemas.filter_fields import NO_NUL, Word, readable
from schemas.generation import Kind
from schemas.ids import parse_id
from schemas.job_request import MAX_METADATA_KEYS, MAX_TAG_CHARACTERS, MAX_TAGS
from schemas.job_states import JobStatus
from schemas.lanes import Lane
from schemas.when import Instant

_MOST_ATTEMPTS: Final = 1_000_000


def _several(value: Any) -> Any:
    """Let one word stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _no_truth(value: Any) -> Any:
    """Refuse true and false, which pydantic would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns ValueError into a fault
    return value


_Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG_CHARACTERS, pattern=NO_NUL)]
_Name = Annotated[str, Field(max_length=64, pattern=NO_NUL)]
_Value = Annotated[str, Field(max_length=512, pattern=NO_NUL)]


class JobFilter(BaseModel):
    """A job fits if it fits everything that is given; nothing given means every job.

    Attributes:
        status: One of these.
        lane: One of these.
        kind: One of these.
        tag: It has all of these.
        metadata: It has all of these, among others.
        error_code: It ended with this error.
        attempts_min: It was started at least as often.
        created_after: At this instant or later.
        created_before: Earlier than this.
        schedule_id: It is one of this schedule.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    status: Annotated[
        tuple[JobStatus, ...], BeforeValidator(_several), Field(max_length=len(JobStatus))
    ] = ()
    lane: Annotated[
        tuple[Lane, ...], BeforeValidator(_several), Field(max_length=len(Lane))
    ] = ()
    kind: Annotated[
        tuple[Kind, ...], BeforeValidator(_several), Field(max_length=len(Kind))
    ] = ()
    model: Word | None = None
    tag: Annotated[tuple[_Tag, ...], BeforeValidator(_several), Field(max_length=MAX_TAGS)] = ()
    metadata: Annotated[dict[_Name, _Value], Field(max_length=MAX_METADATA_KEYS)] = {}
    end_user: Word | None = None
    error_code: Word | None = None
    attempts_min: (
        Annotated[int, Field(ge=0, le=_MOST_ATTEMPTS), BeforeValidator(_no_truth)] | None
    ) = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    schedule_id: Annotated[str, Field(max_length=64)] | None = None
    batch_id: Annotated[str, Field(max_length=64)] | None = None

    @field_validator("schedule_id", mode="after")
    @classmethod
    def _schedule(cls, value: str | None) -> str | None:
        return readable("sched", value)

    @field_validator("batch_id", mode="after")
    @classmethod
    def _batch(cls, value: str | None) -> str | None:
        return readable("batch", value)

    @property
    def schedule_key(self) -> UUID | None:
        """The key inside ``schedule_id``."""
        return parse_id("sched", self.schedule_id) if self.schedule_id else None

    @property
    def batch_key(self) -> UUID | None:
        """The key inside ``batch_id``."""
        return parse_id("batch", self.batch_id) if self.batch_id else None

    @property
    def chooses(self) -> bool:
        """Whether it leaves any job out."""
        return any(value not in (None, (), {}) for _, value in self)
