"""The pictures of one job on one sheet, marked as what they are: made by a machine.

The API hands such sheets out, and chats show them.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from infra.clock import Clock
from infra.objectstore.store import ObjectStore
from infra.pictures.grid import FEWEST, FORMATS, MOST, USUAL, Sheet, lay_out
from infra.provenance.credentials import may_have_manifest
from infra.provenance.manifests import Facts, Ingredient
from infra.provenance.marking import Marker
from infra.safety.pictures import PictureRefusedError
from infra.telemetry.metrics import installed_version
from schemas.admission_errors import GridBusyError
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord
from schemas.policy_duties import Marking
from schemas.policy_limits import Limits

_AT_ONCE: Final = 2
_SECONDS: Final = 10.0
_LATER: Final = timedelta(seconds=5)
_UNKNOWN_SIDE: Final = 1024
# Ingredients are held until the sheet is signed; of more bytes it is signed without them.
_MOST_INGREDIENTS: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class GridWish:
    """How a sheet is wanted.

    Attributes:
        output_format: ``png``, ``jpeg`` or ``webp``.
        labels: Whether each picture has its number, from 1.
        width: The most pixels across.
    """

    output_format: str = "png"
    labels: bool = False
    width: int = USUAL

    @property
    def media_type(self) -> str:
        """What the file is."""
        return FORMATS[self.output_format]


class Grids:
    """Composes sheets, a few at a time.

    Args:
        store: Where pictures lie.
        marker: Marks what is made; ``None``: the installation marks nothing.
        provider: Who provides the system, as manifests say it.
        clock: What manifests say of the time.
    """

    def __init__(
        self, store: ObjectStore, marker: Marker | None, *, provider: str, clock: Clock
    ) -> None:
        self._store = store
        self._marker = marker
        self._provider = provider
        self._clock = clock
        self._limits = Limits(image_mb=1_000)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def compose(
        self,
        job: JobRecord,
        wish: GridWish,
        how: Marking,
        *,
        pictures: Sequence[Artifact] | None = None,
    ) -> bytes:
        """Return the sheet as a file.

        Args:
            job: It succeeded, its content is there, and ``pictures_of`` has looked at it.
            wish: How.
            how: Which marks its tenant's policy wants.
            pictures: Which of its artifacts, even one alone; if not given, ``pictures_of``.

        Raises:
            GridBusyError: Others' sheets took too long.
            NotFoundError: A picture cannot be read as one.
            ObjectStoreError: The store failed.
        """
        pictures = pictures_of(job) if pictures is None else pictures
        sizes = [(one.width or _UNKNOWN_SIDE, one.height or _UNKNOWN_SIDE) for one in pictures]
        async with self._turn():
            sheet = Sheet(lay_out(sizes, wish.width), labels=wish.labels)
            inputs: list[Ingredient] = []
            room = _MOST_INGREDIENTS
            for place, picture in enumerate(pictures):
                data = await (await self._store.get(picture.key)).read()
                try:
                    await asyncio.to_thread(sheet.put, place, data, self._limits)
                except PictureRefusedError as refusal:
                    shown = f"picture {picture.index} of {format_id('job', job.id)}"
                    raise NotFoundError(f"{shown} goes on no sheet: {refusal}") from None
                room -= len(data)
                if self._marker is not None and how.c2pa and may_have_manifest(data):
                    inputs.append(Ingredient(data, picture.content_type))
                if room < 0:
                    inputs.clear()
            return await asyncio.to_thread(self._finished, sheet, job, wish, how, inputs)

    def _finished(
        self,
        sheet: Sheet,
        job: JobRecord,
        wish: GridWish,
        how: Marking,
        inputs: list[Ingredient],
    ) -> bytes:
        data = sheet.file(wish.output_format)
        if self._marker is None:
            return data
        facts = Facts(
            provider=self._provider,
            version=installed_version(),
            model=job.model,
            made_at=self._clock.now(),
            unique_id=f"{format_id('job', job.id)}.grid",
        )
        # The registry knows the pictures themselves; a sheet is made anew for each who asks.
        quiet = how.model_copy(update={"registry": False})
        marked = self._marker.mark_picture(
            data, wish.media_type, facts, index=0, how=quiet, inputs=inputs
        )
        return marked.data

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise GridBusyError(
                "too many sheets are being made; ask again in some seconds", retry_after=_LATER
            ) from None
        try:
            yield
        finally:
            self._turns.release()


def pictures_of(job: JobRecord) -> list[Artifact]:
    """Return the pictures that go on a job's sheet.

    Raises:
        NotFoundError: There are too few, or too many.
    """
    pictures = [one for one in job.artifacts if one.content_type in FORMATS.values()]
    if FEWEST <= len(pictures) <= MOST:
        return pictures
    raise NotFoundError(
        f"{format_id('job', job.id)} has {len(pictures)} pictures; a sheet takes {FEWEST} to "
        f"{MOST}. GET /v1/jobs/{{id}}/artifacts/{{index}} has each of them"
    )
