"""The cache of answers in the SDK, as types."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobCache:
    """What the cache was to a job that succeeded.

    Attributes:
        status: ``hit``: an earlier job's output; ``shared``: that of one that ran at the same
            time; ``miss``: the model was asked, and the answer is kept; ``off``.
        of: The job whose output it was given.
    """

    status: str
    of: str | None = None


@dataclass(frozen=True, slots=True)
class CacheState:
    """How much is kept, and how often it was used.

    Attributes:
        enabled: New jobs of the tenant use earlier answers.
        bytes: Of the results that the entries stand for.
    """

    enabled: bool
    entries: int
    bytes: int
    hits: int
