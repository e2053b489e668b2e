"""The files that come with the classifier, each held against its digest when it is read."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from schemas.errors import InternalError

PACKAGE_DATA: Final = Path(__file__).parent / "data"
DIGESTS: Final = "digests.json"


class DamagedDataError(InternalError):
    """A file of the safety classifier is missing, or is not the one that was shipped."""


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_digests(folder: Path) -> dict[str, str]:
    """Return what each file's digest has to be, by name.

    Raises:
        DamagedDataError: The list itself is missing or no JSON.
    """
    try:
        return cast("dict[str, str]", json.loads((folder / DIGESTS).read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise DamagedDataError(_message(folder / DIGESTS, str(error))) from error


def checked(folder: Path, name: str) -> Path:
    """Return the path of a file whose digest is right.

    Raises:
        DamagedDataError: It is missing, unreadable, or not the file that was shipped.
    """
    path = folder / name
    wanted = read_digests(folder).get(name)
    try:
        found = digest_of(path)
    except OSError as error:
        raise DamagedDataError(_message(path, error.strerror or str(error))) from error
    if found != wanted:
        raise DamagedDataError(_message(path, "its SHA-256 is not the one of this release"))
    return path


def write_digests(folder: Path, names: Iterable[str]) -> None:
    """Write down the digests of files that were made anew; the others' stay."""
    known = read_digests(folder) if (folder / DIGESTS).exists() else {}
    known |= {name: digest_of(folder / name) for name in names}
    (folder / DIGESTS).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")


def _message(path: Path, what: str) -> str:
    return f"safety classifier: {path}: {what}; install genq again"
