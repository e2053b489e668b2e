"""Which lines of a file are a person's, and what stands there instead: no I/O."""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from infra.postgres.erased_lines import ErasedLine
from producer.api.bodies import encode
from producer.batches.answers import erased_answer
from producer.batches.erased_marks import emptied, people_in, people_near
from producer.breather import Breather

_BOM: Final = b"\xef\xbb\xbf"
_MOST_NAMES: Final = 10_000
# Of input files; a line of them is held whole.
_LONGEST_READ: Final = 64 << 20
# As ``producer.batches.answers`` writes them.
_ID: Final = re.compile(rb'\{"id":"batch_req_([0-9a-z]{26})"')


def longest_read(exact: int) -> int:
    """Return how long a line may be that is looked into; ``exact``: that may be a request."""
    return max(exact, _LONGEST_READ)


class RawLine(NamedTuple):
    """A line as it stands in a file, its line end included.

    Attributes:
        number: Its place, from 1; blank lines count.
        whole: It is not a part of one that is too long to be held.
    """

    number: int
    data: bytes
    whole: bool


class RequestLines:
    """The lines of an input file that name a person.

    Args:
        is_theirs: Tells of a name whether it is the person's.
        kept: Numbers of lines that a legal hold keeps.
        exact: How many bytes a line may have that is a request. One that is longer is theirs
            if it names them in any place.
    """

    def __init__(self, is_theirs: Callable[[str], bool], kept: set[int], *, exact: int) -> None:
        self._is_theirs = is_theirs
        self._kept = kept
        self._exact = exact
        self._names: dict[str, bool] = {}

    def replaced(self, line: RawLine) -> bytes | None:
        """Return what takes a line's place; ``None``: it stays."""
        if not line.whole or line.number in self._kept:
            return None
        # With its line end.
        named = people_near if len(line.data) > self._exact + 1 else people_in
        told = named(line.data.removeprefix(_BOM))
        return emptied(line.data) if any(map(self._knows, told)) else None

    def _knows(self, name: str) -> bool:
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            known = self._names[name] = self._is_theirs(name)
        return known


class AnswerLines:
    """The lines of a batch's output or error file that were emptied in the batch.

    Attributes:
        met: How many lines of this erasure were found, emptied here before or not.
    """

    def __init__(self) -> None:
        self.met = 0
        self._lines: dict[bytes, tuple[bytes, bool]] = {}

    @classmethod
    async def of(
        cls, batch_id: UUID, erased: Sequence[ErasedLine], erasure_id: UUID
    ) -> "AnswerLines":
        """Return those of one batch; gives way, for there may be a million.

        Args:
            batch_id: Which batch.
            erased: Its lines that say nothing any more.
            erasure_id: Whose lines are told apart from those of others.
        """
        lines, breather = cls(), Breather()
        for one in erased:
            told = erased_answer(batch_id, one.line, one.custom_id, one.job_id).line
            written = encode(told)
            found = _ID.match(written)
            if found is not None:
                lines._lines[found[1]] = (written, one.by == erasure_id)
            await breather.breathe()
        return lines

    def replaced(self, line: RawLine) -> bytes | None:
        """Return what takes a line's place; ``None``: it stays."""
        found = _ID.match(line.data)
        known = self._lines.get(found[1]) if found is not None else None
        if known is None:
            return None
        written, ours = known
        self.met += ours
        written += b"\n"
        return None if written == line.data else written
