"""Jobs of many chats in one transaction: what one command costs falls as more of them come.

Plain commands alone: a button, a budget, a refusal of safety, or a request that came before
goes by itself (``producer/chat/inserts.py``), under the same locks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.group_commit import GroupCommit
from infra.postgres.chat_groups import (
    Answered,
    Claim,
    claim_requests,
    give_back,
    lock_people,
    unfinished_of_all,
    write_answered,
)
from infra.postgres.chat_people import Person, Unfinished
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.submit import insert_jobs
from infra.sealing import Sealer
from infra.settings import Settings
from producer.accepted import accepted_record
from producer.budgets import BudgetedJob
from producer.chat.kept_answers import seal_answer
from producer.chat.opened_job import ChatJob, ChatPlaced, message_of
from producer.chat.opening import ChatOpened
from producer.position import place_of_new
from schemas.chat_errors import ChatQueueFullError
from schemas.position import QueuePlace

_PATIENCE: Final = timedelta(seconds=2)
_NOBODY: Final = Unfinished(0, 0)

Outcome = ChatPlaced | ChatQueueFullError | None


class ChatGroups:
    """Writes plain commands, those that come together in one transaction.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: For how long idempotency keys live; the shares of lanes.
        sealer: Seals answers and tokens.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, sealer: Sealer) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._sealer = sealer
        self._group = GroupCommit[ChatJob, Outcome](
            self._write, name="chat", patience=_PATIENCE
        )

    async def add(self, job: ChatJob) -> ChatPlaced | None:
        """Write the job with those that come at the same time.

        Returns:
            ``None``: its request came before, or is being written by somebody else.

        Raises:
            ChatQueueFullError: The person has as many unfinished jobs as they may.
            DatabaseUnavailableError: PostgreSQL could not be reached for two seconds. Whether
                the job was written is unknown; the same request sent again is the same job.
        """
        outcome = await self._group.add(job)
        if isinstance(outcome, ChatQueueFullError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._group.close()

    async def _write(self, jobs: Sequence[ChatJob]) -> Sequence[Outcome]:
        async with transaction(self._engine) as connection:
            claims = [
                Claim(job.chat.heard.platform, job.chat.heard.dedupe_key, job.new.id)
                for job in jobs
            ]
            mine = await claim_requests(connection, claims)
            new = [job for job in jobs if job.new.id in mine]
            outcomes: dict[int, Outcome] = {}
            if new:
                outcomes = await self._open(connection, new)
        return [outcomes.get(id(job)) for job in jobs]

    async def _open(
        self, connection: AsyncConnection, jobs: Sequence[ChatJob]
    ) -> dict[int, Outcome]:
        people = list({job.person: None for job in jobs})
        await lock_people(connection, people)
        have = await unfinished_of_all(connection, people)
        outcomes: dict[int, Outcome] = {}
        admitted: list[ChatJob] = []
        taken = Counter[Person]()
        for job in jobs:
            mine = have.get(job.person, _NOBODY)
            waiting = mine.waiting + taken[job.person]
            if mine.running + waiting >= job.chat.most:
                full = ChatQueueFullError(
                    running=mine.running, waiting=waiting, most=job.chat.most
                )
                outcomes[id(job)] = full
            else:
                taken[job.person] += 1
                admitted.append(job)
        if outcomes:
            refused = [job.new.id for job in jobs if id(job) in outcomes]
            await give_back(connection, refused)
        if admitted:
            outcomes |= await self._insert(connection, admitted, have)
        return outcomes

    async def _insert(
        self,
        connection: AsyncConnection,
        jobs: Sequence[ChatJob],
        have: Mapping[Person, Unfinished],
    ) -> dict[int, Outcome]:
        places = await self._places(connection, jobs, have)
        ttl = self._settings.idempotency_ttl
        created = await insert_jobs(connection, [job.new for job in jobs], idempotency_ttl=ttl)
        outcomes: dict[int, Outcome] = {}
        answered: list[Answered] = []
        for job, place in zip(jobs, places, strict=True):
            at = created[job.new.id]
            record = accepted_record(job.new, job.request, job.parameters, at)
            answer = job.chat.answer(record, place)
            sealed = seal_answer(self._sealer, job.chat.heard, answer)
            answered.append(Answered(message_of(record, job.chat), sealed))
            opened = ChatOpened(answer, repeated=False, job=record)
            outcomes[id(job)] = ChatPlaced(opened, BudgetedJob(job.new, at))
        await write_answered(connection, self._sealer, answered)
        return outcomes

    async def _places(
        self,
        connection: AsyncConnection,
        jobs: Sequence[ChatJob],
        have: Mapping[Person, Unfinished],
    ) -> list[QueuePlace]:
        """Return where each will stand: of all who have nothing there yet, one is looked up."""
        known: dict[tuple[int, int, str, Person | None], QueuePlace] = {}
        ahead = Counter[tuple[int, int, str, Person | None]]()
        places: list[QueuePlace] = []
        for job in jobs:
            own = job.person if job.person in have else None
            key = (job.new.tenant_id, job.new.lane, job.new.model, own)
            if key not in known:
                known[key] = await place_of_new(connection, job.new, self._settings)
            places.append(_behind(known[key], ahead[key]))
            ahead[key] += 1
        return places


def _behind(place: QueuePlace, more: int) -> QueuePlace:
    """Return the place of who comes so many later."""
    if not more:
        return place
    flow, lane = place.ahead_in_flow, place.ahead_in_lane
    return replace(
        place,
        ahead_in_flow=None if flow is None else flow + more,
        ahead_in_lane=None if lane is None else lane + more,
    )
