"""Block lists: fingerprints of content that is not to be made or taken."""

import re
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from schemas.safety import Action
from schemas.shape import Shape

MAX_ENTRIES: Final = 500_000
"""Of one list."""
MAX_LINES: Final = 20_000
"""Of one import."""


class Algorithm(StrEnum):
    """How a fingerprint was made."""

    SHA256 = "sha256"
    """Of the very bytes: of pictures and of texts."""
    PHASH256 = "phash256"
    """Of what a picture looks like: see ``infra.safety.fingerprints``."""
    DHASH64 = "dhash64"
    """The same, much shorter: near copies only."""


BYTES: Final = MappingProxyType(
    {Algorithm.SHA256: 32, Algorithm.PHASH256: 32, Algorithm.DHASH64: 8}
)

ListName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,59}$")]
ListAction = Literal["flag", "review", "block"]

ACTIONS: Final = MappingProxyType({a.word: a for a in Action if a is not Action.ALLOW})


class HashListRequest(Shape):
    """The body of ``POST /v1/safety/hash_lists``.

    Attributes:
        name: Unique among the tenant's lists.
        category: What its entries are, such as ``sexual_minors``.
        action: What follows when something is on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ListName
    category: Category = "other"
    action: ListAction = "block"


class HashEntriesRequest(Shape):
    """The body of ``POST /v1/safety/hash_lists/{list}/entries``; a picture may be one, too.

    Attributes:
        lines: ``algorithm:hex``, and after a space a note. Bare hex is a SHA-256. Empty lines
            and those that begin with ``#`` are passed over.
        remove: Take them off the list instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: Annotated[
        list[Annotated[str, Field(max_length=400)]], Field(min_length=1, max_length=MAX_LINES)
    ]
    remove: StrictBool = False


class HashListView(Shape):
    """A list as it is shown."""

    object: Literal["hash_list"]
    name: str
    category: str
    action: ListAction
    everybody: bool
    entries: int
    revision: int
    created_at: str


class HashListsView(Shape):
    """All lists of one owner, by name."""

    object: Literal["list"]
    data: list[HashListView]


class HashEntryPage(Shape):
    """Entries of a list as lines, in their order; ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[str]
    has_more: bool
    next: str | None


class HashEntriesView(Shape):
    """What an import did.

    Attributes:
        known: Lines that changed nothing: they were on the list, or were not to be removed.
    """

    object: Literal["hash_list.import"]
    name: str
    added: int
    removed: int
    known: int
    entries: int


_LINE: Final = re.compile(r"(?:(sha256|phash256|dhash64):)?([0-9A-Fa-f]{1,128})(?:\s+(.*))?")


def parse_line(line: str) -> tuple[Algorithm, bytes, str | None] | None:
    """Return the algorithm, hash and note of a line; ``None`` of one that is passed over.

    Raises:
        ValueError: It is something else; the message says what.
    """
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    match = _LINE.fullmatch(text)
    if match is None:
        raise ValueError("must read algorithm:hex, and after a space a note")
    algorithm = Algorithm(match[1] or "sha256")
    digits = 2 * BYTES[algorithm]
    if len(match[2]) != digits:
        raise ValueError(
            f"{algorithm.value} has {digits} hexadecimal digits, not {len(match[2])}"
        )
    return algorithm, bytes.fromhex(match[2]), (match[3] or "").strip()[:200] or None


def written_line(algorithm: str, found: bytes, note: str | None) -> str:
    """Return an entry as a line that ``parse_line`` reads."""
    line = f"{algorithm}:{found.hex()}"
    return f"{line} {note}" if note else line


def list_view(
    *,
    tenant_id: int,
    name: str,
    category: str,
    action: int,
    entries: int,
    revision: int,
    created_at: str,
) -> dict[str, Any]:
    """Return the fields of ``HashListView``."""
    return {
        "object": "hash_list",
        "name": name,
        "category": category,
        "action": Action(action).word,
        "everybody": tenant_id == 0,
        "entries": entries,
        "revision": revision,
        "created_at": created_at,
    }
