"""The words of batches: what states they pass through, and what becomes of a line."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class BatchStatus(IntEnum):
    """A batch's state, as PostgreSQL stores it; from 10 on it has ended. Names are OpenAI's."""

    VALIDATING = 0
    IN_PROGRESS = 1
    FINALIZING = 2
    CANCELLING = 3
    COMPLETED = 10
    FAILED = 11
    EXPIRED = 12
    CANCELLED = 13

    @property
    def word(self) -> str:
        """The state as callers see it."""
        return self.name.lower()

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self >= BatchStatus.COMPLETED


class LineOutcome(IntEnum):
    """What became of a line."""

    SUCCEEDED = 1
    """It stands in the output file; all others stand in the error file."""
    FAILED = 2
    EXPIRED = 3
    CANCELLED = 4


LINE_ERRORS: Final[Mapping[LineOutcome, tuple[str, str]]] = MappingProxyType(
    {
        LineOutcome.EXPIRED: (
            "batch_expired",
            "This request could not be executed before the completion window expired.",
        ),
        LineOutcome.CANCELLED: (
            "batch_cancelled",
            "This request was not executed because the batch was cancelled.",
        ),
    }
)
"""Of lines that ended without an answer: the ``code`` and ``message`` of their error."""

LINE_ERASED: Final = ("content_erased", "The content of this line was erased.")
"""The same of lines whose person, or whose content, was erased."""
