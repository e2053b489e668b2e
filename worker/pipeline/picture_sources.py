"""The pictures that an edit begins with: read from where its input says that they lie."""

import base64
import binascii
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.file_bytes import FileBytes
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction
from infra.postgres.files import get_file
from infra.postgres.read_jobs import get_job
from schemas.claim import Claim
from schemas.errors import FieldError, InputError, ModelBadAnswerError, ObjectMissingError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import Artifact
from schemas.job_states import JobState
from schemas.stored_file import FileRecord
from worker.providers.downloads import MAX_PICTURE_BYTES
from worker.providers.picture import Picture, read_picture

_DATA: Final = "data:"
_READABLE: Final = frozenset({"image/png", "image/jpeg", "image/webp"})


class PictureSources(Protocol):
    """Whoever can read the pictures of a job's input."""

    async def told(self, claim: Claim) -> dict[str, Any]:
        """Return the input of an edit with its pictures in it, as data URLs.

        Raises:
            InputError: One is not there, or is no picture.
            GenqError: It cannot be read now.
        """
        ...


class StoredPictures:
    """Reads files and artifacts of the tenant whose job it is.

    Args:
        engine: Knows where they lie.
        store: Has them.
        most: Bytes of all pictures of one job.
    """

    def __init__(
        self, engine: AsyncEngine, store: ObjectStore, *, most: int = MAX_PICTURE_BYTES
    ) -> None:
        self._engine = engine
        self._store = store
        self._files = FileBytes(engine, store)
        self._most = most

    async def told(self, claim: Claim) -> dict[str, Any]:
        """Return the input with its pictures in it; see ``PictureSources.told``."""
        given = dict(claim.input)
        left = self._most
        images: list[str] = []
        for n, reference in enumerate(given["images"]):
            data = await self._read(claim.tenant_id, reference, f"images/{n}", left)
            left -= len(data)
            images.append(_inline(data, f"images/{n}"))
        given["images"] = images
        if given.get("mask") is not None:
            data = await self._read(claim.tenant_id, given["mask"], "mask", left)
            given["mask"] = _inline(data, "mask")
        return given

    async def _read(self, tenant_id: int, reference: str, place: str, left: int) -> bytes:
        if reference.startswith(_DATA):
            data = _decoded(reference, place)
            self._hold_to(len(data), left, place)
            return data
        try:
            found = await self._found(tenant_id, reference, place)
            if isinstance(found, FileRecord):
                self._hold_to(found.size, left, place)
                stored = await self._files.get(found)
            else:
                self._hold_to(found.bytes, left, place)
                stored = await self._store.get(found.key)
            return await stored.read()
        except (InvalidIdError, ObjectMissingError):
            raise _fault(place, "is not there, or not any more") from None

    async def _found(self, tenant_id: int, reference: str, place: str) -> FileRecord | Artifact:
        """Return what a picture is."""
        async with transaction(self._engine) as connection:
            if reference.startswith("file-"):
                file = await get_file(connection, tenant_id, parse_id("file", reference))
                if file is None:
                    raise _fault(place, "is not there, or not any more")
                return file
            name, _, index = reference.partition("/")
            job_id: UUID = parse_id("job", name)
            job = await get_job(connection, tenant_id, job_id)
        if job is None or job.output_erased:
            raise _fault(place, "is not there, or not any more")
        if job.state is not JobState.SUCCEEDED:
            raise _fault(place, "is not made: wait until its job has succeeded")
        for artifact in job.artifacts:
            if artifact.index == int(index):
                return artifact
        raise _fault(place, f"is not there: the job made {len(job.artifacts)} pictures")

    def _hold_to(self, size: int, left: int, place: str) -> None:
        if size > left:
            raise _fault(
                place, f"is too large: the pictures of one job have {self._most} bytes at most"
            )


def _decoded(url: str, place: str) -> bytes:
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except (binascii.Error, ValueError):
        raise _fault(place, "is not base64") from None


def _inline(data: bytes, place: str) -> str:
    """Return a picture as a data URL that says what it is, whatever was said of it."""
    try:
        picture: Picture = read_picture(data, server="input")
    except ModelBadAnswerError:
        picture = Picture(b"", "", 0, 0)
    if picture.content_type not in _READABLE:
        raise _fault(
            place, "is no PNG, JPEG or WebP file, is damaged, or has too many pixels"
        ) from None
    return f"data:{picture.content_type};base64,{base64.b64encode(data).decode()}"


def _fault(place: str, what: str) -> InputError:
    pointer = f"/input/{place}"
    return InputError(f"the picture at {pointer} {what}", fields=[FieldError(pointer, what)])
