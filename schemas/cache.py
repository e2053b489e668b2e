"""Answers that are used again: what callers may ask, and what jobs and operators are told.

``auto``: only what is bound to come out the same is answered from the cache, or shared while it
is made: pictures with a seed; chats and completions with a seed whose temperature is 0 or left
out, and of which one answer is asked; vectors, always. ``allow``: whatever it is, an earlier
answer will do. ``off``: the model is asked in any case, and nothing of it is kept for others.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.shape import Shape


class CacheMode(StrEnum):
    """Whether a job may be given the answer of an earlier one."""

    AUTO = "auto"
    ALLOW = "allow"
    OFF = "off"


class CacheStatus(StrEnum):
    """How a job came by its output.

    ``hit``: from an earlier job. ``shared``: from one that ran at the same time. ``miss``: the
    model was asked, and the answer is kept. ``off``: the model was asked.
    """

    HIT = "hit"
    SHARED = "shared"
    MISS = "miss"
    OFF = "off"


class JobCacheView(Shape):
    """What the cache was to a job that succeeded; ``of``: whose output it was given."""

    status: CacheStatus
    of: str | None


class CacheView(Shape):
    """The answer of ``GET /v1/cache``.

    Attributes:
        enabled: New jobs of the tenant use earlier answers: it, and the installation, want it.
        entries: Answers that are used again while they last.
        bytes: Of the results that they stand for.
        hits: How often these entries were used.
    """

    object: Literal["cache"]
    enabled: bool
    entries: int
    bytes: int
    hits: int


class CacheChange(Shape):
    """The body of ``PATCH /v1/cache``: whether the tenant's jobs use earlier answers at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: Annotated[bool, Field(strict=True)]


class CacheClearedView(Shape):
    """The answer of ``DELETE /v1/cache``: how many entries are gone."""

    object: Literal["cache.cleared"]
    entries: int
