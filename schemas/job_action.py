"""One action on every job that fits a filter, as callers ask for it and as it is answered."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from schemas.ids import InvalidIdError, parse_id
from schemas.job_filter import JobFilter
from schemas.job_states import JobStatus
from schemas.shape import Shape


class JobAction(StrEnum):
    """What is done to each job."""

    CANCEL = "cancel"
    RETRY = "retry"


OPEN_TO = {
    JobAction.CANCEL: (JobStatus.QUEUED, JobStatus.RUNNING),
    JobAction.RETRY: (
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.EXPIRED,
        JobStatus.BLOCKED,
    ),
}
"""The jobs that an action can change; others that fit are left out."""


class JobActionRequest(Shape):
    """The body of ``POST /v1/jobs/actions``.

    Attributes:
        filter: As the query of ``GET /v1/jobs``, under the same names.
        all: Every job is meant: asked for where the filter leaves none out, so that a
            forgotten filter does nothing.
        dry_run: Only tell how many jobs fit, and some of them.
        cursor: Of the answer before, to go on with the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: JobAction
    filter: JobFilter = JobFilter()
    all: bool = False
    dry_run: bool = False
    cursor: Annotated[str, Field(max_length=64)] | None = None

    @field_validator("cursor", mode="after")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                parse_id("job", value)
        except InvalidIdError:
            raise ValueError("must be the cursor of the answer before") from None
        return value

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not self.all and not self.filter.chooses:
            raise ValueError(
                'say which jobs in "filter", by status, lane, tag…; or "all": true for all'
            )
        open_to = OPEN_TO[self.action]
        if self.filter.status and not set(self.filter.status) & set(open_to):
            raise ValueError(
                f"filter.status leaves nothing to {self.action.value}: that is for jobs which "
                f"are {', '.join(open_to)}"
            )
        return self

    @property
    def wanted(self) -> JobFilter:
        """The filter, with only the statuses that the action is open to."""
        asked = self.filter.status or OPEN_TO[self.action]
        status = tuple(one for one in asked if one in OPEN_TO[self.action])
        return self.filter.model_copy(update={"status": status})


class JobActionReport(Shape):
    """What an action did, newest jobs first.

    Attributes:
        matched: Jobs that fitted, as far as this call went.
        matched_is_exact: In a dry run, whether they were counted or, beyond 10,000, reckoned.
        changed: Of these, jobs that were cancelled or are being cancelled, or were tried again.
        skipped: The others: they ended meanwhile, or cannot be accepted again as they were.
        sample: Some of the jobs that were changed; in a dry run, some that would be.
        has_more: Time was up before the end; send the same call with ``cursor``.
    """

    object: Literal["job_action"] = "job_action"
    action: JobAction
    dry_run: bool
    matched: int
    matched_is_exact: bool
    changed: int
    skipped: int
    sample: list[str]
    has_more: bool
    cursor: str | None
