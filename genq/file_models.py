"""Uploaded files as the SDK hands them out, and how they are read."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file. Instants are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        purpose: What it is for: ``batch``, ``batch_output``…
        bytes: Its size.
        expires_at: When it goes by itself; ``None``: it stays.
    """

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: datetime
    status: str = "processed"
    expires_at: datetime | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_file(found: object) -> StoredFile:
    """Return the file in a decoded JSON answer.

    Raises:
        UnexpectedAnswerError: A field that every file has is missing or mistyped.
    """
    fields = Fields(found, "file")
    expires = fields.maybe_number("expires_at")
    return StoredFile(
        id=fields.text("id"),
        filename=fields.text("filename"),
        purpose=fields.text("purpose"),
        bytes=fields.number("bytes"),
        created_at=datetime.fromtimestamp(fields.number("created_at"), UTC),
        status=fields.maybe_text("status") or "",
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        raw=fields.found,
    )


def read_files(found: object) -> tuple[tuple[StoredFile, ...], str | None]:
    """Return one page of files and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_file(part.found) for part in fields.parts("data"))
    more = fields.found.get("has_more") is True
    return page, fields.maybe_text("last_id") if more else None
