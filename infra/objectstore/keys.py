"""Where an object lives, and which media type its ending means. The only place that decides.

``t7/2026/11/20/10/job_01kb….3.0.png``: tenant, hour of submission, job, fence, index. The fence
keeps a stalled worker from overwriting the result of the attempt that replaced it. The hour is
the last folder, because a folder per job would cost as much as the write itself.

``files/t7/2026/11/21/file-01kb….jsonl``: what was uploaded, or made by a batch.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import quote
from uuid import UUID

from schemas.errors import ObjectStoreError
from schemas.ids import format_id

# Media type to extension. The local folder has no other memory of a type.
EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image/png": "png",
        "image/jpeg": "jpg",
        "image/webp": "webp",
        "image/gif": "gif",
        "image/avif": "avif",
        "audio/mpeg": "mp3",
        "audio/wav": "wav",
        "audio/opus": "opus",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/pcm": "pcm",
        "video/mp4": "mp4",
        "text/plain": "txt",
        "application/json": "json",
        "application/jsonl": "jsonl",
        "application/octet-stream": "bin",
    }
)
QUARANTINE: Final = "quarantine/"
"""What the keys of pictures begin with that no route serves."""
FILES: Final = "files/"
"""What the keys of uploaded files begin with, and of the files that batches make."""

_MEDIA_TYPES: Final = {extension: media_type for media_type, extension in EXTENSIONS.items()}
_MAX_KEY: Final = 1024
# No segment begins with a dot, so none is "..", and none hides a file that is being written.
_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")

_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")


def object_key(
    *,
    tenant_id: int,
    created_at: datetime,
    job_id: UUID,
    fence: int,
    index: int,
    extension: str,
) -> str:
    """Return the key of one artifact.

    Args:
        tenant_id: First, so that a tenant's objects have one prefix.
        created_at: Aware time of submission.
        job_id: The job.
        fence: Of the attempt that made it.
        index: Place among the artifacts of the job, from 0.
        extension: Without a dot; see ``extension_of``.
    """
    hour = created_at.astimezone(UTC).strftime("%Y/%m/%d/%H")
    return f"t{tenant_id}/{hour}/{format_id('job', job_id)}.{fence}.{index}.{extension}"


def file_key(
    *, tenant_id: int, created_at: datetime, file_id: UUID, content_type: str
) -> tuple[str, str]:
    """Return the key of one file, and the media type that the store is told.

    Args:
        tenant_id: Whose it is.
        created_at: Aware time.
        file_id: The file; whoever makes a file again takes another id.
        content_type: A bare media type; one not in ``EXTENSIONS`` is kept as bytes.
    """
    day = created_at.astimezone(UTC).strftime("%Y/%m/%d")
    extension = extension_of(content_type)
    key = f"{FILES}t{tenant_id}/{day}/{format_id('file', file_id)}.{extension}"
    return key, content_type_of(key)


def extension_of(content_type: str) -> str:
    """Return the extension of a bare media type; ``bin`` for one not in ``EXTENSIONS``."""
    return EXTENSIONS.get(content_type, "bin")


def content_type_of(key: str) -> str:
    """Return the media type that the ending of ``key`` means."""
    return _MEDIA_TYPES.get(key.rpartition(".")[2], "application/octet-stream")


def check_key(key: str) -> None:
    """Refuse what could leave the store's own space.

    Raises:
        ObjectStoreError: ``key`` is empty, too long, absolute, climbs, or has odd characters.
    """
    if len(key) > _MAX_KEY or _KEY.fullmatch(key) is None:
        raise ObjectStoreError(
            f"{key[:80]!r} is not an object key; make keys with infra.objectstore.keys"
        )


def check_type(key: str, content_type: str) -> None:
    """Refuse a type that the key would not give back.

    Raises:
        ObjectStoreError: The ending of ``key`` means another media type.
    """
    if content_type_of(key) != content_type:
        raise ObjectStoreError(
            f"the key ends in .{key.rpartition('.')[2]}, which is {content_type_of(key)}, but "
            f"the object is {content_type[:80]}; take the ending from extension_of()"
        )


def content_disposition(filename: str, content_type: str) -> str:
    """Return the header that names a download; only harmless types open inside a browser."""
    shown = content_type in EXTENSIONS and content_type != "application/octet-stream"
    filename = filename or "artifact"
    plain = _UNSAFE_IN_NAMES.sub("_", filename)
    exact = "" if plain == filename else f"; filename*=UTF-8''{quote(filename, safe='')}"
    return f'{"inline" if shown else "attachment"}; filename="{plain}"{exact}'
