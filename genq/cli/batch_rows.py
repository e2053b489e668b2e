"""Rows of a table and lines of a file, one after the other, each with its number."""

import csv
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

from genq.cli.screen import count_of
from genq.errors import GenqError

# A line holds one request; a server takes less.
LONGEST_LINE: Final = 64 << 20
_LONGEST_HEADER: Final = 1 << 20
_DELIMITERS: Final = (",", ";", "\t")
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class _Reader(Protocol):
    """What the library of CSV reads with; its own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


class WrongFileError(GenqError):
    """A file of requests is not what it should be; nothing of it was sent."""


class RowError(Exception):
    """A row is wrong.

    Attributes:
        number: Of the row, or the line, from 1.
        fatal: Nothing behind it can be read.
    """

    def __init__(self, number: int, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.number = number
        self.fatal = fatal


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file that is being read.

    Attributes:
        columns: The names in its first row.
        rows: Each row with the line where it ends; a ``RowError`` in place of a bad one.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[int, Mapping[str, str] | RowError]]


@contextmanager
def table(path: Path) -> Generator[Table]:
    """Open a CSV file. Its first row tells what stands between values: a comma, ; or a tab.

    Raises:
        RowError: It has no first row, or one with a name twice.
        OSError: It cannot be read.
    """
    csv.field_size_limit(LONGEST_LINE)
    with path.open("rb") as file:
        first = file.readline(_LONGEST_HEADER).decode(errors="replace")
        file.seek(0)
        # The one that is there most often; of none, a comma.
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(_decoded(file), delimiter=delimiter, strict=True)
        columns = _header(reader, path)
        yield Table(columns, _rows(reader, columns))


def lines(file: BinaryIO) -> Iterator[tuple[int, dict[str, object] | RowError]]:
    """Yield the JSON object of each line with its number; a ``RowError`` in place of a bad one.

    Blank lines are passed over, as the server does.
    """
    number = 0
    while data := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(data) > LONGEST_LINE:
            yield number, RowError(number, f"is longer than {LONGEST_LINE} bytes", fatal=True)
            return
        if number == 1:
            if data.startswith(_UTF_16):
                yield 1, RowError(1, "the file is UTF-16; save it as UTF-8", fatal=True)
                return
            data = data.removeprefix(_BOM)
        if data.strip():
            yield number, _object(number, data)


def _decoded(file: BinaryIO) -> Iterator[str]:
    # Line by line, so that the line is known that is not UTF-8.
    number = 0
    while data := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(data) > LONGEST_LINE:
            raise RowError(number, f"is longer than {LONGEST_LINE} bytes", fatal=True)
        try:
            yield (data.removeprefix(_BOM) if number == 1 else data).decode()
        except UnicodeDecodeError:
            told = "is not UTF-8; save the file as UTF-8"
            raise RowError(number, told, fatal=True) from None


def _object(number: int, data: bytes) -> dict[str, object] | RowError:
    try:
        found: object = json.loads(data)
    except UnicodeDecodeError:
        return RowError(number, "is not UTF-8")
    except json.JSONDecodeError as error:
        return RowError(number, f"is not JSON: {error.msg}, at character {error.pos + 1}")
    except RecursionError:
        return RowError(number, "is nested too deep")
    if not isinstance(found, dict):
        return RowError(number, "must be a JSON object")
    return cast("dict[str, object]", found)


def _header(reader: _Reader, path: Path) -> tuple[str, ...]:
    try:
        first = next(reader)
    except StopIteration:
        first = []
    except csv.Error as error:
        raise RowError(1, f"cannot be read as CSV: {error}", fatal=True) from None
    columns = tuple(name.strip() for name in first)
    if not any(columns):
        raise RowError(1, f"{path.name} has no first row with the names of its columns")
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise RowError(1, f"the column {min(twice)!r} is there twice", fatal=True)
    return columns


def _rows(
    reader: _Reader, columns: tuple[str, ...]
) -> Iterator[tuple[int, Mapping[str, str] | RowError]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote that is not closed swallows all that follows.
            number = reader.line_num
            why = f"cannot be read as CSV: {error}; look for a quote without its partner"
            yield number, RowError(number, why, fatal=True)
            return
        except RowError as error:
            yield error.number, error
            return
        number = reader.line_num
        if not row:
            continue
        if len(row) != len(columns):
            values = count_of(len(row), "value")
            told = f"has {values}, but there are {count_of(len(columns), 'column')}"
            yield number, RowError(number, told)
        elif any("\x00" in value for value in row):
            yield number, RowError(number, "contains the character U+0000")
        else:
            yield number, dict(zip(columns, row, strict=True))
