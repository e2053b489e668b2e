"""The pictures that a chat message shows: of the right kind and size, marked, or a link."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from infra.artifact_tokens import ARTIFACT_PATH, ArtifactGrant, ArtifactTokens
from infra.clock import Clock
from infra.objectstore.store import ObjectStore
from infra.pictures.grid import FORMATS, MOST
from infra.provenance.sheets import Grids, GridWish
from infra.safety.policies import Policies
from schemas.chat_job import prompt_of
from schemas.chat_view import ViewPicture
from schemas.errors import GenqError, NotFoundError, ObjectMissingError
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState
from schemas.policy_duties import Marking
from schemas.tenant_plan import SafetyLevel

LINK_LIFE: Final = timedelta(days=7)
"""Whoever was away finds it still there."""
_JPEG: Final = "image/jpeg"
# What every platform shows as it is.
_SHOWN: Final = frozenset({_JPEG, "image/png"})
_WIDTHS: Final = (2048, 1280, 768, 384)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message shows of a result.

    Attributes:
        link: It does not fit, and is there.
        gone: The store has it no more.
    """

    pictures: tuple[ViewPicture, ...] = ()
    link: str | None = None
    gone: bool = False


class ChatPictures:
    """Fits results into messages.

    Args:
        store: Where pictures lie.
        sheets: Puts several on one, and makes one smaller; what it makes is marked.
        policies: Say which marks.
        tokens: Make links that need no key.
        public_url: Where clients reach the API, without a final slash.
        clock: Tells when a link ends.
    """

    def __init__(
        self,
        store: ObjectStore,
        sheets: Grids,
        policies: Policies,
        *,
        tokens: ArtifactTokens,
        public_url: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sheets = sheets
        self._policies = policies
        self._tokens = tokens
        self._public_url = public_url
        self._clock = clock

    async def of(self, job: JobRecord, *, level: SafetyLevel, most: int) -> Shown:
        """Return what to show of a job's pictures.

        Args:
            job: Of one that was blocked, is held or was erased nothing is shown.
            level: Of its tenant.
            most: Bytes of a file; 0: a link alone.

        Raises:
            GridBusyError: Others' sheets took too long.
            ObjectStoreError: The store failed.
            DatabaseUnavailableError: It is not known which marks are wanted.
        """
        if job.state is not JobState.SUCCEEDED or job.output_erased or not job.artifacts:
            return Shown()
        pictures = [one for one in job.artifacts if one.content_type in FORMATS.values()]
        shown = None
        try:
            if most and pictures:
                shown = await self._fitted(job, pictures[:MOST], level, most)
        except ObjectMissingError:
            return Shown(gone=True)
        except GenqError:
            raise
        except Exception:  # noqa: BLE001 - as often as it is tried: its link is worth more
            _log.exception("chat_picture_not_made", job_id=format_id("job", job.id))
        return Shown(link=self._link(job)) if shown is None else Shown((shown,))

    async def _fitted(
        self, job: JobRecord, pictures: Sequence[Artifact], level: SafetyLevel, most: int
    ) -> ViewPicture | None:
        first = pictures[0]
        if len(pictures) == 1 and first.content_type in _SHOWN and first.bytes <= most:
            data = await (await self._store.get(first.key)).read()
            return ViewPicture(
                _name(job, first.content_type), first.content_type, _alt(job, 1), data
            )
        how = (await self._policies.of(job.tenant_id, level)).marking
        for width in _WIDTHS:
            data = await self._made(job, pictures, width, how)
            if data is None:
                return None
            if len(data) <= most:
                alt, name = _alt(job, len(pictures)), _name(job, _JPEG)
                return ViewPicture(name, _JPEG, alt, data, _source(pictures, width))
        return None

    async def _made(
        self, job: JobRecord, pictures: Sequence[Artifact], width: int, how: Marking
    ) -> bytes | None:
        try:
            return await self._sheets.compose(
                job, GridWish("jpeg", width=width), how, pictures=pictures
            )
        except NotFoundError:
            # One of them is damaged: whoever follows the link sees the others.
            return None

    def _link(self, job: JobRecord) -> str:
        ends = int((self._clock.now() + LINK_LIFE).timestamp())
        index = job.artifacts[0].index
        token = self._tokens.make(ArtifactGrant(job.tenant_id, job.id, index, ends))
        return f"{self._public_url}{ARTIFACT_PATH}/{token}"


def preview_picture(job: JobRecord, data: bytes) -> ViewPicture:
    """Return what is there so far of a picture: a small JPEG."""
    return ViewPicture("preview.jpg", _JPEG, f"So far: {prompt_of(job)}".strip(), data)


def _source(pictures: Sequence[Artifact], width: int) -> bytes:
    """Return what a sheet is made of: it is signed, with the time, each time it is made."""
    return "\n".join((str(width), *(one.key for one in pictures))).encode()


def _name(job: JobRecord, media_type: str) -> str:
    ending = "png" if media_type == "image/png" else "jpg"
    return f"genq-{job.id.hex[-12:]}.{ending}"


def _alt(job: JobRecord, pictures: int) -> str:
    counted = "A picture" if pictures == 1 else f"{pictures} pictures"
    prompt = prompt_of(job)
    return (
        f"{counted} made by a machine: {prompt}" if prompt else f"{counted} made by a machine"
    )
