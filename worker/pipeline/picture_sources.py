"""The pictures that a job begins with: read from where its input says that they lie.

What comes from outside is written anew before anybody sees it (``infra.pictures``); what a job
of the tenant's own made is passed on byte for byte.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.file_bytes import FileBytes
from infra.objectstore.store import ObjectStore
from infra.pictures.plain import PictureBounds
from infra.postgres.engine import transaction
from infra.postgres.files import get_file
from infra.postgres.read_jobs import get_job
from infra.safety.parts import Place
from infra.safety.replacing import replaced
from schemas.claim import Claim
from schemas.errors import ModelBadAnswerError, ObjectMissingError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import Artifact
from schemas.job_states import JobState
from schemas.named_urls import urls_of
from schemas.picture_errors import PictureUnavailableError
from schemas.picture_references import (
    MOST_SHOWN,
    PictureReference,
    Source,
    references_of,
    source_of,
)
from schemas.stored_file import FileRecord
from worker.pipeline.picture_bench import PictureBench
from worker.pipeline.picture_faults import picture_fault
from worker.pipeline.picture_fetch import RemotePictures
from worker.providers.downloads import MAX_PICTURE_BYTES
from worker.providers.picture import read_picture

_BOUNDS: Final = PictureBounds(20_000_000, 40_000_000)
_SECONDS: Final = timedelta(seconds=30)
_READABLE: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
_GONE: Final = "is not there, or not any more"
_NO_PICTURE: Final = "is a URL, and genq fetches pictures only: send a data URL"


@dataclass(frozen=True, slots=True)
class Brought:
    """An input with its pictures in it.

    Attributes:
        input: As the model is to see it: every picture is a data URL.
        given: SHA-256 of the bytes that came, where others are shown in their place.
        remote: A picture was fetched: what the same input brings next time may be another.
    """

    input: Mapping[str, Any]
    given: Mapping[Place, bytes] = field(default_factory=dict[Place, bytes])
    remote: bool = False


class PictureSources(Protocol):
    """Whoever can read the pictures of a job's input."""

    async def brought(self, claim: Claim) -> Brought | None:
        """Return a job's input with its pictures in it; ``None``: it has none.

        Raises:
            InputError: One is not there, or is no picture.
            GenqError: It cannot be read now.
        """
        ...


class StoredPictures:
    """Reads files and artifacts of the tenant whose job it is, and what lies elsewhere.

    Args:
        engine: Knows where they lie.
        store: Has them.
        most: Bytes of all pictures of one job: as they come, and as they are shown.
        bench: Writes them anew.
        remote: Fetches what URLs name; without it no URL is taken.
        patience: How long all fetching for one job may take.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        store: ObjectStore,
        *,
        most: int = MAX_PICTURE_BYTES,
        bench: PictureBench | None = None,
        remote: RemotePictures | None = None,
        patience: timedelta = _SECONDS,
    ) -> None:
        self.engine = engine
        self.store = store
        self.files = FileBytes(engine, store)
        self.most = most
        self.bench = bench or PictureBench(_BOUNDS)
        self.remote = remote
        self.patience = patience

    async def brought(self, claim: Claim) -> Brought | None:
        """Return the input with its pictures in it; see ``PictureSources.brought``."""
        _refuse_unread(claim)
        references = list(references_of(claim.kind, claim.input))
        if not references:
            return None
        if len(references) > MOST_SHOWN:
            place = _path(references[MOST_SHOWN].place)
            raise picture_fault(place, f"is one too many: {MOST_SHOWN} may be shown")
        reading = _Reading(self, claim.tenant_id, claim.requires)
        for reference in references:
            await reading.add(reference)
        return Brought(replaced(claim.input, reading.shown), reading.given, reading.fetched)


class _Reading:
    """The pictures of one job, on their way."""

    def __init__(
        self, sources: StoredPictures, tenant_id: int, requires: Collection[str]
    ) -> None:
        self.shown: dict[Place, str] = {}
        self.given: dict[Place, bytes] = {}
        self.fetched = False
        self._sources = sources
        self._tenant_id = tenant_id
        self._requires = frozenset(requires)
        self._left = sources.most
        self._left_to_show = sources.most
        self._seconds = sources.patience.total_seconds()
        # A conversation names the same picture again and again.
        self._known: dict[tuple[str, bool], Place] = {}

    async def add(self, reference: PictureReference) -> None:
        """Read one picture.

        Raises:
            InputError: It is not there, is none, or is too large.
            GenqError: It cannot be read now.
        """
        key, place = (reference.text, reference.mask), reference.place
        before = self._known.setdefault(key, place)
        if before != place:
            self._hold_to_show(len(self.shown[before]), place)
            self.shown[place] = self.shown[before]
            if before in self.given:
                self.given[place] = self.given[before]
            return
        path = _path(place)
        source = source_of(reference.text)
        data = await self._read(source, reference.text, path)
        self._left -= len(data)
        if source is Source.MADE:
            shown, content_type = data, _type_of(data, path)
        else:
            plain = await self._sources.bench.plain(
                data, path, mask=reference.mask, tenant_id=self._tenant_id
            )
            shown, content_type = plain.data, plain.content_type
            if shown != data:
                self.given[place] = hashlib.sha256(data).digest()
        text = f"data:{content_type};base64,{base64.b64encode(shown).decode()}"
        self._hold_to_show(len(text), place)
        self.shown[place] = text

    async def _read(self, source: Source | None, text: str, path: str) -> bytes:
        if source is Source.INLINE:
            data = _decoded(text, path)
            self._hold_to(len(data), path)
            return data
        if source is Source.REMOTE:
            return await self._fetch(text, path)
        if source is None:
            raise picture_fault(
                path, "must be a data URL, an https URL, file-… or job_…/0: it is none of these"
            )
        try:
            return await self._stored(source, text, path)
        except (InvalidIdError, ObjectMissingError):
            raise picture_fault(path, _GONE) from None

    async def _fetch(self, url: str, path: str) -> bytes:
        remote = self._sources.remote
        if remote is None:
            raise picture_fault(path, "is a URL, and nothing is fetched here")
        self.fetched = True
        loop = asyncio.get_running_loop()
        begun = loop.time()
        most = min(self._left, self._sources.bench.bounds.bytes)
        try:
            async with asyncio.timeout(max(self._seconds, 0.0)):
                return await remote.get(url, path, tenant_id=self._tenant_id, most=most)
        except TimeoutError:
            raise PictureUnavailableError(
                f"the picture at /input/{path} did not come in time: all pictures of a job may "
                f"take {self._sources.patience.total_seconds():g} seconds; genq tries again"
            ) from None
        finally:
            self._seconds -= loop.time() - begun

    async def _stored(self, source: Source, text: str, path: str) -> bytes:
        if source is Source.FILE:
            file = await self._file(parse_id("file", text), path)
            self._hold_to(file.size, path)
            return await (await self._sources.files.get(file)).read()
        name, _, index = text.partition("/")
        artifact = await self._artifact(parse_id("job", name), int(index), path)
        self._hold_to(artifact.bytes, path)
        return await (await self._sources.store.get(artifact.key)).read()

    async def _file(self, key: UUID, path: str) -> FileRecord:
        async with transaction(self._sources.engine) as connection:
            file = await get_file(connection, self._tenant_id, key)
        if file is None:
            raise picture_fault(path, _GONE)
        return file

    async def _artifact(self, key: UUID, index: int, path: str) -> Artifact:
        async with transaction(self._sources.engine) as connection:
            job = await get_job(connection, self._tenant_id, key)
        if job is None or job.output_erased:
            raise picture_fault(path, _GONE)
        if job.state is not JobState.SUCCEEDED:
            raise picture_fault(path, "is not made: wait until its job has succeeded")
        if beyond := sorted(set(job.requires) - self._requires):
            tags = ", ".join(beyond)
            raise picture_fault(
                path,
                f"is of a job that insists on model servers with tags ({tags}): insist on them "
                "as well, by requires.tags",
            )
        for artifact in job.artifacts:
            if artifact.index == index:
                return artifact
        raise picture_fault(path, f"is not there: the job made {len(job.artifacts)} pictures")

    def _hold_to(self, size: int, path: str) -> None:
        if size > self._left:
            raise picture_fault(
                path,
                "is too large: the pictures of one job have "
                f"{self._sources.most} bytes at most",
            )

    def _hold_to_show(self, letters: int, place: Place) -> None:
        self._left_to_show -= letters * 3 // 4
        if self._left_to_show < 0:
            raise picture_fault(
                _path(place),
                f"is too large: written anew, the pictures of one job have "
                f"{self._sources.most} bytes at most",
            )


def _refuse_unread(claim: Claim) -> None:
    """Refuse what the door refuses: of a job that came in before it did."""
    for place, _, kept in urls_of(claim.kind, claim.input):
        if kept:
            raise picture_fault(_path(place), _NO_PICTURE)


def _path(place: Place) -> str:
    return "/".join(str(step) for step in place)


def _decoded(url: str, path: str) -> bytes:
    head, comma, text = url.partition(",")
    if not comma:
        head, text = ";base64", url
    if not head.lower().endswith(";base64"):
        raise picture_fault(path, "is a data URL that is not base64")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise picture_fault(path, "is not base64") from None


def _type_of(data: bytes, path: str) -> str:
    """Return what a picture is that a job made."""
    try:
        content_type = read_picture(data, server="input").content_type
    except ModelBadAnswerError:
        content_type = ""
    if content_type not in _READABLE:
        raise picture_fault(
            path, "is no PNG, JPEG or WebP file, is damaged, or has too many pixels"
        )
    return content_type
