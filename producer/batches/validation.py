"""Whether a batch's input file is in order: read once, line by line, in bounded memory.

Whole or not at all: one line that is wrong refuses the file, and as many faults as a person can
use are told. What stands in the bodies is checked when they become jobs.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from producer.batches.erased_marks import is_erased
from producer.batches.file_lines import FileLine, LineSplitter, pieces_of
from producer.batches.line_check import InputLine, LineFault, check_line
from producer.breather import Breather

MOST_LISTED: Final = 100
# Blank lines are passed over, but not without end: each takes its time.
_LINES_PER_REQUEST: Final = 10
_REPEATED: Final = "duplicate_custom_id"


@dataclass(frozen=True, slots=True)
class Validated:
    """What was found.

    Attributes:
        total: How many requests the file holds.
        model: What they name; ``None``: nothing.
        errors: ``{"code", "line", "message", "param"}``; none: the file is in order.
    """

    total: int
    model: str | None
    errors: Sequence[Mapping[str, Any]]


class Validator:
    """Looks at one file.

    Args:
        endpoint: What every line must ask for.
        longest: The most bytes of a line.
        most_lines: The most requests.
    """

    def __init__(self, endpoint: str, *, longest: int, most_lines: int) -> None:
        self._endpoint = endpoint
        self._longest = longest
        self._most_lines = most_lines
        self._total = self._lines = 0
        self._model: str | None = None
        self._wrong = 0
        self._listed: list[tuple[int, LineFault]] = []
        # Eight bytes tell two ids of a million apart, but for one file in 37 million.
        self._digests = array("q")
        self._numbers = array("q")

    async def validate(
        self, data: AsyncIterator[bytes], given_up: Callable[[], bool]
    ) -> Validated:
        """Return what was found.

        Args:
            data: The file, in chunks.
            given_up: Asked now and then; the rest is not read if it says so.
        """
        breather, splitter = Breather(), LineSplitter(longest=self._longest)
        async for piece in pieces_of(data):
            for line in splitter.feed(piece):
                self._look_at(line)
                await breather.breathe()
            # Blank lines are none that were looked at.
            await breather.breathe()
            self._lines = splitter.number
            if self._too_many or given_up():
                break
        else:
            for line in splitter.finish():
                self._look_at(line)
        return await self._found()

    @property
    def _too_many(self) -> bool:
        most = self._most_lines
        return self._total > most or self._lines > _LINES_PER_REQUEST * most

    def _look_at(self, line: FileLine) -> None:
        self._total += 1
        if is_erased(line.data):
            return
        found = check_line(line.data, self._endpoint, longest=self._longest)
        if isinstance(found, LineFault):
            self._note(line.number, found)
            return
        # Python's own digest of a text: SipHash, with a key of this process.
        self._digests.append(hash(found.custom_id))
        self._numbers.append(line.number)
        self._compare_model(line.number, found)

    def _compare_model(self, number: int, found: InputLine) -> None:
        named = found.body.get("model")
        model = named if isinstance(named, str) else None
        if len(self._digests) == 1:
            self._model = model
        elif model != self._model:
            told = "no model" if self._model is None else repr(self._model[:128])
            message = f"All lines must name the same model; lines before this name {told}."
            self._note(number, LineFault("mismatched_model", message, "body.model"))

    def _note(self, number: int, fault: LineFault) -> None:
        self._wrong += 1
        if len(self._listed) < MOST_LISTED:
            self._listed.append((number, fault))

    async def _found(self) -> Validated:
        if self._too_many:
            what = "requests" if self._total > self._most_lines else "lines, most of them blank"
            most = self._most_lines * (1 if what == "requests" else _LINES_PER_REQUEST)
            message = f"The file has more than {most} {what}."
            return self._refused([entry("too_many_requests_in_file", message)])
        if self._total == 0:
            return self._refused([entry("empty_file", "The file has no requests.")])
        count, repeated = await asyncio.to_thread(self._repeated)
        self._wrong += count
        for number, before in repeated:
            message = f"The custom_id of this line was used before, on line {before}."
            self._listed.append((number, LineFault(_REPEATED, message, "custom_id")))
        self._listed.sort(key=lambda one: one[0])
        errors = [
            entry(fault.code, fault.message, line=number, param=fault.param)
            for number, fault in self._listed[:MOST_LISTED]
        ]
        if self._wrong > MOST_LISTED:
            further = self._wrong - MOST_LISTED
            message = (
                f"{further} further faults are not listed; there are {self._wrong} in all."
            )
            errors.append(entry("more_errors", message))
        return self._refused(errors) if errors else Validated(self._total, self._model, [])

    def _refused(self, errors: Sequence[Mapping[str, Any]]) -> Validated:
        return Validated(self._total, self._model, errors)

    def _repeated(self) -> tuple[int, list[tuple[int, int]]]:
        """Return how many lines' ids were used before, and of the first ones where."""
        digests = np.frombuffer(self._digests, dtype=np.int64)
        numbers = np.frombuffer(self._numbers, dtype=np.int64)
        if not digests.size:
            return 0, []
        # Stable: of the same digest the earliest line comes first.
        order = np.argsort(digests, kind="stable")
        same = np.concatenate(([False], digests[order][1:] == digests[order][:-1]))
        (places,) = np.nonzero(same)
        begins = np.maximum.accumulate(np.where(same, 0, np.arange(digests.size)))
        lines, firsts = numbers[order[places]], numbers[order[begins[places]]]
        by_line = np.argsort(lines)[:MOST_LISTED]
        pairs = zip(lines[by_line].tolist(), firsts[by_line].tolist(), strict=True)
        return len(lines), list(pairs)


def entry(
    code: str, message: str, *, line: int | None = None, param: str | None = None
) -> Mapping[str, Any]:
    """Return a fault as batches keep it."""
    return {"code": code, "line": line, "message": message, "param": param}
