"""The lanes: how urgent a job is, and what share of the workers each urgency gets."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Lane(StrEnum):
    """A priority class. Order of declaration is order of urgency."""

    TURBO = "turbo"
    FAST = "fast"
    RELAX = "relax"
    BATCH = "batch"

    @property
    def number(self) -> int:
        """The lane as PostgreSQL stores it."""
        return _NUMBERS[self]

    @property
    def queue(self) -> str:
        """The Celery queue that carries this lane's pointers."""
        return f"genq.{self.value}"


DEFAULT_LANE: Final = Lane.FAST

_NUMBERS: Final[Mapping[Lane, int]] = MappingProxyType(
    {Lane.TURBO: 1, Lane.FAST: 2, Lane.RELAX: 3, Lane.BATCH: 4}
)

BY_NUMBER: Final[Mapping[int, Lane]] = MappingProxyType(
    {n: lane for lane, n in _NUMBERS.items()}
)

# Shares of the worker slots while every lane has a backlog; an idle lane's share goes to the
# others, so batch gets at least 1/15 and never more than what nobody else wants.
DEFAULT_WEIGHTS: Final[Mapping[Lane, int]] = MappingProxyType(
    {Lane.TURBO: 8, Lane.FAST: 4, Lane.RELAX: 2, Lane.BATCH: 1}
)

# Within a lane a tenant's jobs run by priority, then age. 0 is first.
DEFAULT_PRIORITY: Final = 5
LOWEST_PRIORITY: Final = 9
