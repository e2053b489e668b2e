"""A job that a chat asks for, on its way into the database, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.postgres.chat_messages import NewMessage
from infra.postgres.chat_people import Person
from infra.postgres.submit import NewJob
from producer.budgets import BudgetedJob
from producer.chat.opening import ChatOpened, ChatOpening
from schemas.job import JobRecord, JobRequest


@dataclass(frozen=True, slots=True)
class ChatJob:
    """A job that is to be written for a chat.

    Attributes:
        new: The job, as it was drafted.
        request: What it was made of.
        parameters: Its model parameters, as they were checked.
        chat: What is written along with it.
    """

    new: NewJob
    request: JobRequest
    parameters: Mapping[str, Any]
    chat: ChatOpening

    @property
    def person(self) -> Person:
        """Whose jobs are counted."""
        return self.chat.person(self.new.tenant_id)

    @property
    def plain(self) -> bool:
        """Whether nothing but its person's limit can refuse it."""
        return self.new.money is None and self.new.stop is None and self.chat.press is None


@dataclass(frozen=True, slots=True)
class ChatPlaced:
    """What became of it; ``written`` is ``None`` where the request came before."""

    opened: ChatOpened
    written: BudgetedJob | None = None


def message_of(job: JobRecord, chat: ChatOpening) -> NewMessage:
    """Return the message that shows a job that was written."""
    heard = chat.heard
    return NewMessage(
        id=chat.message_id,
        job_id=job.id,
        tenant_id=job.tenant_id,
        platform=heard.platform,
        place_id=heard.place.id,
        user_id=heard.user.id,
        command=chat.command,
        title=chat.title,
        ref=chat.ref,
        shown=not (chat.opens or chat.late()),
        # Of a job that was blocked the answer says all.
        ended=job.state.final,
    )
