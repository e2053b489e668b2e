"""The log of each child: a file it writes itself, so that no line waits for the supervisor."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final

_OLD_LOGS: Final = 2
_LARGEST_BYTES: Final = 64 << 20
_TAIL_BYTES: Final = 16 << 10
_READ_BYTES: Final = 1 << 20


def rotate(path: Path) -> None:
    """Set the log of the last run aside: NAME.log.1, then NAME.log.2, then gone."""
    for number in range(_OLD_LOGS, 0, -1):
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        with contextlib.suppress(FileNotFoundError):
            newer.replace(path.with_name(f"{path.name}.{number}"))


def open_log(path: Path) -> BinaryIO:
    """Open a log for a child to append to; prompts may be in it, so it is private."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def trim(path: Path, largest: int = _LARGEST_BYTES) -> None:
    """Empty a log that has become too large, into NAME.log.1.

    The child keeps its descriptor and appends at the new end; lines written during the copy
    are lost.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > largest:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last ``count`` lines that are not empty."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            found = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in found if line.strip()][-count:]


class LogReader:
    """Reads what was appended to a log since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_lines(self) -> list[str]:
        """Return the complete lines that are new; at most a megabyte of them."""
        try:
            size = self._path.stat().st_size
            if size < self._offset:
                self._offset = 0
            if size == self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                found = file.read(_READ_BYTES)
        except OSError:
            return []
        complete = found[: found.rfind(b"\n") + 1]
        if not complete and len(found) == _READ_BYTES:
            complete = found
        self._offset += len(complete)
        return complete.decode("utf-8", "replace").splitlines()
