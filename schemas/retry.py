"""Trying an ended job again, as callers ask for it."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from schemas.job_states import JobState
from schemas.shape import Shape

REPEATABLE: Final = (
    JobState.FAILED,
    JobState.DEAD,
    JobState.CANCELLED,
    JobState.EXPIRED,
    JobState.BLOCKED,
)
"""How a job ended that may be tried again."""


class RetryRequest(Shape):
    """The body of ``POST /v1/jobs/{job_id}/retry``; it may be left out.

    ``new_job``: an ended job ends once and stays as it is; a new job does the same again and
    names it in ``retry_of``. ``new_attempt``: a job that waits for its next attempt has it now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=False)

    how: Annotated[Literal["new_job", "new_attempt"], Field(alias="as")] = "new_job"
