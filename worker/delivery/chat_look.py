"""How it stands with a message and its job: what is to be shown now, whatever event asks."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.chat_messages import KeptMessage, get_message
from infra.postgres.chat_presses import pressed_of
from infra.postgres.engine import single_statements, transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import get_tenant
from infra.progress import ProgressLine
from infra.queue_places import place_of_queued
from infra.settings import Settings
from schemas.chat import ChatUser, MessageState
from schemas.chat_buttons import Pressed
from schemas.chat_job import Card, chat_status, job_view_of
from schemas.chat_view import ChatStatus, View, ViewPicture
from schemas.errors import ValkeyUnavailableError
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.position import QueuePlace
from schemas.progress import Progress
from schemas.tenant_plan import SafetyLevel
from worker.delivery.chat_pictures import ChatPictures, Shown, preview_picture

_QUEUED: Collection[JobState] = (JobState.SCHEDULED, JobState.READY, JobState.RELEASED)


@dataclass(frozen=True, slots=True)
class Look:
    """A message, and the job that it shows.

    Attributes:
        job: ``None``: the message is over, or its job is gone.
        place: Of a job that waits.
        level: Of its tenant.
        used: The buttons that were pressed.
    """

    message: KeptMessage
    job: JobRecord | None
    place: QueuePlace | None
    level: SafetyLevel
    used: Collection[Pressed] = ()

    @property
    def status(self) -> ChatStatus:
        """What the message is to show; of a job that is gone, that it waits."""
        return ChatStatus.WAITING if self.job is None else chat_status(self.job.state)


class ChatLooks:
    """Looks at messages and their jobs.

    Args:
        engine: Where they are.
        line: The way to what running attempts told.
        pictures: Fits results into messages.
        settings: The shares of the lanes, and who serves which model.
        clock: Tells the time.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        line: ProgressLine,
        pictures: ChatPictures,
        settings: Settings,
        clock: Clock,
    ) -> None:
        # Nothing is written, and each statement may see more than the one before: no BEGIN.
        self._engine = single_statements(engine)
        self._line = line
        self._pictures = pictures
        self._settings = settings
        self._clock = clock

    async def look(self, message_id: UUID) -> Look | None:
        """Return how it stands now; ``None``: the message is gone.

        Raises:
            DatabaseUnavailableError: It is not known.
            ContentUnreadableError: A key that sealed the job is missing.
        """
        async with transaction(self._engine) as connection:
            message = await get_message(connection, message_id)
            if message is None:
                return None
            job = place = None
            level, used = SafetyLevel.STRICT, frozenset[Pressed]()
            if message.state is MessageState.OPEN:
                job = await get_job(connection, message.tenant_id, message.job_id)
            if job is not None and job.state in _QUEUED:
                place = await place_of_queued(connection, job, self._settings)
            if job is not None and job.state is JobState.SUCCEEDED:
                tenant = await get_tenant(connection, message.tenant_id)
                level = SafetyLevel(tenant.safety_level)
                used = await pressed_of(connection, job.id)
        return Look(message, job, place, level, used)

    async def view(
        self, look: Look, job: JobRecord, *, most: int, previews: bool = True
    ) -> View:
        """Return what the message is to show.

        Args:
            look: How it stands.
            job: Its job.
            most: Bytes of a file; 0: a link alone.
            previews: Whether a picture is shown before the end.

        Raises:
            GridBusyError: Others' sheets took too long.
            ObjectStoreError: The store failed.
        """
        now = self._clock.now()
        told, shown = None, Shown()
        if job.state is JobState.RUNNING:
            told = await self._told(job)
            shown = Shown(await self._preview(job, told, most if previews else 0))
        elif job.state is JobState.SUCCEEDED and job.kind.pictures:
            shown = await self._pictures.of(job, level=look.level, most=most)
            job = replace(job, output_erased=job.output_erased or shown.gone)
        view = job_view_of(
            job,
            card_of(look),
            now=now,
            place=look.place,
            progress=told,
            pictures=shown.pictures,
            link=shown.link,
        )
        return _without_past(view, now)

    async def _told(self, job: JobRecord) -> Progress | None:
        """Return what its attempt told last; not what one before it did."""
        told = (await self._line.progress_of([job.id])).get(job.id)
        return told if told is None or told.attempt == job.attempts else None

    async def _preview(
        self, job: JobRecord, told: Progress | None, most: int
    ) -> tuple[ViewPicture, ...]:
        if not most or told is None or not told.preview or not job.kind.pictures:
            return ()
        try:
            data = await self._line.preview_of(job.id)
        except ValkeyUnavailableError:
            return ()
        return (preview_picture(job, data),) if data and len(data) <= most else ()


def card_of(look: Look) -> Card:
    """Return what a message knows beside its job. Its owner's name is kept nowhere."""
    message = look.message
    return Card(message.command, ChatUser(message.user_id), message.title, look.used)


def _without_past(view: View, now: datetime) -> View:
    past = view.starts_at is not None and view.starts_at <= now
    return replace(view, starts_at=None) if past else view
