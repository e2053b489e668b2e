"""Files: what was uploaded, and what batches make. In OpenAI's shape to callers."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from schemas.ids import format_id
from schemas.shape import Shape

LONGEST_FILENAME: Final = 255
LEAST_EXPIRY: Final = 3_600
MOST_EXPIRY: Final = 2_592_000
"""Seconds that a file may be kept, where its uploader says so: an hour to thirty days."""


class FilePurpose(StrEnum):
    """What a file is for."""

    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"
    EVALS = "evals"
    USER_DATA = "user_data"
    VISION = "vision"


UPLOADED: Final = (
    FilePurpose.BATCH,
    FilePurpose.EVALS,
    FilePurpose.USER_DATA,
    FilePurpose.VISION,
)
"""What callers may upload files for."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A row of ``file``.

    Attributes:
        content_type: A bare media type, as the uploader said it.
        size: In bytes.
        object_key: Where its bytes lie in the object store.
        expires_at: It is seen by nobody from then on; ``None``: until it is deleted.
        batch_id: The batch that made it.
        key: What opens its bytes, itself sealed; ``None``: they lie as they are.
    """

    id: UUID
    tenant_id: int
    purpose: FilePurpose
    filename: str
    content_type: str
    size: int
    sha256: bytes
    object_key: str
    created_at: datetime
    expires_at: datetime | None = None
    batch_id: UUID | None = None
    key: bytes | None = field(default=None, repr=False)


class FileExpiry(Shape):
    """When a file leaves by itself; in forms ``expires_after[anchor]`` and ``…[seconds]``."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=LEAST_EXPIRY, le=MOST_EXPIRY)]


class FileUpload(Shape):
    """The form of ``POST /v1/files``, in any order; the file best comes last."""

    file: bytes
    purpose: Literal[
        FilePurpose.BATCH, FilePurpose.EVALS, FilePurpose.USER_DATA, FilePurpose.VISION
    ]
    expires_after: FileExpiry | None = None


class FileView(Shape):
    """A file as it is shown; times are Unix seconds."""

    id: str
    object: Literal["file"]
    bytes: Annotated[int, Field(examples=[1_048_576])]
    created_at: Annotated[int, Field(examples=[1_795_168_800])]
    expires_at: Annotated[int, Field(examples=[1_797_760_800])] | None
    filename: Annotated[str, Field(examples=["lines.jsonl"])]
    purpose: FilePurpose
    status: Literal["processed"]
    status_details: None


class FilePage(Shape):
    """One page of files; ``last_id`` goes into ``after``."""

    object: Literal["list"]
    data: list[FileView]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FileDeletedView(Shape):
    """A file that is deleted."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


def file_view(file: FileRecord) -> dict[str, Any]:
    """Return a file in OpenAI's shape; it can be used as soon as it is there."""
    return {
        "id": format_id("file", file.id),
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at.timestamp()),
        "expires_at": None if file.expires_at is None else int(file.expires_at.timestamp()),
        "filename": file.filename,
        "purpose": file.purpose.value,
        "status": "processed",
        "status_details": None,
    }


def safe_filename(given: str | None) -> str:
    """Return a name that can be shown: no folders, no control characters, not too long."""
    # Browsers, and OpenAI's clients, write what would end the name in a form like this.
    name = (given or "").replace("%22", '"').replace("%0D", "").replace("%0A", "")
    name = name.replace("\\", "/").rpartition("/")[2]
    # Cc, Cf (which turns the direction of text), Cs, Co, Cn, and ends of lines.
    kept = [c for c in name if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029"]
    return "".join(kept).strip()[:LONGEST_FILENAME] or "file"
