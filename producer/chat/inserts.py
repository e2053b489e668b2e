"""Jobs that a chat asks for: request, button, job and message are written in one transaction.

Locks are taken in this order by all: the tenant's books, the request, the person, the button.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.budgets import lock_books
from infra.postgres.chat_inbound import HeardBefore, claim_inbound, heard_before
from infra.postgres.chat_inbound import keep_chat_answer as keep_answer
from infra.postgres.chat_messages import insert_message
from infra.postgres.chat_people import lock_person, unfinished_of
from infra.postgres.chat_presses import Pressed, PressKey, claim_press, take_press
from infra.postgres.engine import single_statements, transaction, whole_transactions
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob, insert_jobs
from infra.sealing import Sealer, sealer_for
from infra.settings import Settings
from producer.accepted import accepted_record
from producer.budgets import BudgetedJob, insert_budgeted
from producer.chat.kept_answers import open_answer, seal_answer
from producer.chat.opened_job import ChatJob, ChatPlaced, message_of
from producer.chat.opening import ChatOpened, ChatOpening
from producer.chat.together import ChatGroups
from producer.position import place_of, place_of_new
from producer.rings import rings_of
from schemas.chat_errors import ChatPressedError, ChatQueueFullError
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatAnswer
from schemas.errors import DatabaseUnavailableError, InternalError
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.position import QueuePlace

# Who waits for another one's commit holds a connection; the others are for everybody else.
_AT_ONCE: Final = 8
_PATIENCE: Final = 2.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class ChatInserts:
    """Writes the jobs of chats, each in a transaction of its own.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: The key that seals answers and tokens; the shares of lanes.
        ring: Rings the doorbells after a commit.
    """

    def __init__(
        self, engine: AsyncEngine, settings: Settings, ring: Callable[..., None]
    ) -> None:
        self._engine = whole_transactions(engine)
        self._looks = single_statements(engine)
        self._settings = settings
        self._ring = ring
        self._room = asyncio.Semaphore(max(1, min(_AT_ONCE, settings.database_pool_size // 2)))
        self._made: Sealer | None = None
        self._opened: ChatGroups | None = None

    @property
    def _sealer(self) -> Sealer:
        # Installations without a bot need none.
        if self._made is None:
            self._made = sealer_for(self._settings)
        return self._made

    @property
    def _groups(self) -> ChatGroups:
        if self._opened is None:
            self._opened = ChatGroups(self._engine, self._settings, self._sealer)
        return self._opened

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._opened is not None:
            await self._opened.close()

    async def add(self, job: ChatJob) -> ChatPlaced:
        """Write the job with all that goes with it, if its request is new and may be served.

        Raises:
            ChatQueueFullError: The person has as many unfinished jobs as they may.
            ChatPressedError: What the button makes is under way, or done.
            BudgetExhaustedError: A budget has no room for it.
            DatabaseUnavailableError: PostgreSQL could not be reached for two seconds. Whether
                the job was written is unknown; the same request sent again is the same job.
        """
        placed = await self._groups.add(job) if job.plain else None
        if placed is not None:
            self._ring(*rings_of([job.new]))
            return placed
        return await self._alone(job)

    async def _alone(self, job: ChatJob) -> ChatPlaced:
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
        while True:
            try:
                async with self._room, transaction(self._engine) as connection:
                    placed = await self._place(connection, job)
            except DatabaseUnavailableError:
                if loop.time() + pause > give_up:
                    raise
            else:
                if placed.written is not None:
                    self._ring(*rings_of([job.new]))
                return placed
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def answered(self, heard: Command | Press) -> ChatOpened | None:
        """Return what the same request was answered before; ``None``: it made nothing yet."""
        async with transaction(self._looks) as connection:
            before = await heard_before(connection, heard.platform, heard.dedupe_key)
            return None if before is None else await self._before(connection, heard, before)

    async def _place(self, connection: AsyncConnection, job: ChatJob) -> ChatPlaced:
        new, chat = job.new, job.chat
        heard = chat.heard
        # Where it would stand is read before anything is locked.
        stands = None if new.stop else await place_of_new(connection, new, self._settings)
        if new.money is not None:
            await lock_books(connection, [new.tenant_id])
        before = await _claimed(connection, heard, new)
        if before is not None:
            return await self._known(connection, job, before)
        await _admit(connection, new, chat)
        written = await self._write(connection, new)
        if written.created_at is None:
            raise InternalError("a job of a chat was not written")
        record = accepted_record(written.job, job.request, job.parameters, written.created_at)
        record = written.shown(record)
        await insert_message(connection, self._sealer, message_of(record, chat))
        if written.downgraded or written.parked:
            stands = await place_of(connection, record, self._settings)
        answer = chat.answer(record, _standing(record, stands))
        sealed = seal_answer(self._sealer, heard, answer)
        await keep_answer(connection, heard.platform, heard.dedupe_key, sealed)
        return ChatPlaced(ChatOpened(answer, repeated=False, job=record), written)

    async def _known(
        self, connection: AsyncConnection, job: ChatJob, before: HeardBefore
    ) -> ChatPlaced:
        opened = await self._before(connection, job.chat.heard, before)
        if before.job_id != job.new.id or opened.job is None:
            return ChatPlaced(opened)
        # The answer to the commit was all that was lost.
        written = BudgetedJob(job.new, opened.job.created_at)
        return ChatPlaced(replace(opened, repeated=False), written)

    async def _write(self, connection: AsyncConnection, new: NewJob) -> BudgetedJob:
        ttl = self._settings.idempotency_ttl
        if new.money is None:
            created = await insert_jobs(connection, [new], idempotency_ttl=ttl)
            return BudgetedJob(new, created.get(new.id))
        (written,) = await insert_budgeted(connection, [new], idempotency_ttl=ttl)
        if written.refusal is not None:
            raise written.refusal
        return written

    async def _before(
        self, connection: AsyncConnection, heard: Command | Press, before: HeardBefore
    ) -> ChatOpened:
        job = None
        if before.tenant_id is not None and before.job_id is not None:
            job = await get_job(connection, before.tenant_id, before.job_id)
        # What was answered may be erased by now: then there is nothing more to say.
        answer = ChatAnswer(200)
        if before.answer is not None:
            answer = open_answer(self._sealer, heard, before.answer)
        return ChatOpened(answer, repeated=True, job=job)


async def _claimed(
    connection: AsyncConnection, heard: Command | Press, new: NewJob
) -> HeardBefore | None:
    try:
        return await claim_inbound(connection, heard.platform, heard.dedupe_key, new.id)
    except LookupError as error:
        raise DatabaseUnavailableError(str(error)) from error


async def _admit(connection: AsyncConnection, new: NewJob, chat: ChatOpening) -> None:
    """Take the button, and a place among the person's jobs, or refuse."""
    person = chat.person(new.tenant_id)
    await lock_person(connection, person)
    if chat.press is not None:
        user = person.user_id
        pressed = await claim_press(connection, new.tenant_id, chat.press, user, new.id)
        if pressed is not None:
            _refuse_pressed(chat.press, pressed)
            await take_press(connection, chat.press, user, new.id)
    have = await unfinished_of(connection, person)
    if have.running + have.waiting >= chat.most:
        raise ChatQueueFullError(running=have.running, waiting=have.waiting, most=chat.most)


def _refuse_pressed(key: PressKey, pressed: Pressed) -> None:
    """An upscale is made once, unless it came to nothing; the others one at a time."""
    done = pressed.state is JobState.SUCCEEDED
    if pressed.live or (key.once and done):
        raise ChatPressedError(
            next_job_id=pressed.next_job_id, verb=key.verb, index=key.index, finished=done
        )


def _standing(job: JobRecord, stands: QueuePlace | None) -> QueuePlace | None:
    if job.state.final:
        return None
    return QueuePlace() if job.state is JobState.HELD else stands
