"""Many jobs in one call, as callers ask for them and as they are answered."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.job import JobView
from schemas.shape import Shape

MOST_JOBS: Final = 1_000


class BulkMode(StrEnum):
    """What becomes of the call when some of its jobs cannot be accepted."""

    ALL_OR_NOTHING = "all_or_nothing"
    PER_ITEM = "per_item"


class BulkRequest(Shape):
    """The body of ``POST /v1/jobs/bulk``; each of ``jobs`` is a ``JobRequest``.

    Attributes:
        mode: ``all_or_nothing`` refuses the call if one job is not acceptable, so that an
            answer of success means that all are there. ``per_item`` accepts what it can and
            tells of each job what became of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Checked one by one, so that a thousand of them do not hold up everybody else.
    jobs: Annotated[list[Any], Field(min_length=1, max_length=MOST_JOBS)]
    mode: BulkMode = BulkMode.ALL_OR_NOTHING


class BulkItemView(Shape):
    """What became of one job: ``job`` if it was accepted, else ``error``, a problem.

    Attributes:
        index: Its place among the ``jobs`` of the call, from 0.
        status: What ``POST /v1/jobs`` would have answered.
        unique_replayed: The job is an earlier one, which holds the unique key.
    """

    index: int
    status: int
    job: JobView | None
    error: dict[str, Any] | None
    unique_replayed: bool


class BulkView(Shape):
    """The answer to ``POST /v1/jobs/bulk``: every job of the call, in its order."""

    object: Literal["bulk"]
    mode: BulkMode
    accepted: int
    refused: int
    data: list[BulkItemView]
