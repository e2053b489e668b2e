"""Trying a policy on what was judged in the past: the request, and what comes out."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from schemas.policy_spans import TimeSpan
from schemas.shape import Shape

MOST_JOBS = 100_000
"""Jobs that one simulation looks at."""


class SimulationRequest(Shape):
    """A policy to try.

    Attributes:
        document: A policy as it would be created; without it, ``version``.
        version: A stored version.
        since: How far back to look, such as ``7d``.
        limit: At most so many jobs, the newest first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: dict[str, Any] | None = None
    version: Annotated[int, Field(ge=1, le=2_000_000_000, strict=True)] | None = None
    since: TimeSpan = timedelta(days=7)
    limit: Annotated[int, Field(ge=1, le=MOST_JOBS, strict=True)] = 10_000


class VerdictChange(Shape):
    """So many jobs that were judged one way would be judged another.

    ``jobs`` are some of them.
    """

    was: Literal["allow", "flag", "review", "block"]
    would_be: Literal["allow", "flag", "review", "block"]
    count: int
    jobs: list[str]


class SimulationView(Shape):
    """What a policy would have changed.

    ``judged`` of the jobs ``examined`` have verdicts to try it on. ``complete``: all jobs since
    then were looked at; if not, the newest of them.
    """

    object: Literal["policy_simulation"]
    since: str
    examined: int
    judged: int
    changed: int
    complete: bool
    changes: list[VerdictChange]
