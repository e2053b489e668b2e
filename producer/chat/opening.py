"""A job that a chat asks for: what is written along with it, and how it is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from infra.new_ids import new_key
from infra.postgres.chat_people import Person
from infra.postgres.chat_presses import PressKey
from schemas.chat import MessageRef, Platform, chat_url
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatAnswer
from schemas.events import TERMINAL_TYPES, EventType
from schemas.job import JobRecord
from schemas.position import QueuePlace

CHAT_FACE: Final = "chat"
"""The door, as jobs that came in by it say it."""
# That it is queued, too: whatever the answer came to, who delivers looks at it early, and where
# it is the message itself, learns that message's id while the token lives.
_EVENTS: Final = (
    EventType.JOB_QUEUED.value,
    EventType.JOB_STARTED.value,
    EventType.JOB_PROGRESS.value,
    *(kind.value for kind in TERMINAL_TYPES),
)

AnswerOf = Callable[[JobRecord, QueuePlace | None], ChatAnswer]
"""Makes the answer to the platform of the new job and its place, inside the transaction.

Pure and quick: it may be called more than once, when a transaction is tried again. The place
is ``None`` where the job ended at once (blocked). A job that is held has an empty one.
"""


def _in_time() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ChatOpening:
    """What a chat wants with a job: all of it commits with the job, or nothing does.

    Attributes:
        heard: What was asked. Its dedupe key makes the job once; its user is the person whose
            unfinished jobs are counted.
        ref: How the message is reached, its token included.
        command: As in ``schemas.chat_view.View``.
        most: Unfinished jobs of one person.
        answer: Makes the answer, which its repetitions get as well.
        title: What was done besides: ``Image #2``.
        opens: A first message is still to be posted; else the answer is the message,
        late: unless it came too late for that.
        press: The button that makes it, if one does.
        message_id: Of ``chat_message``.
    """

    heard: Command | Press
    ref: MessageRef
    command: str
    most: int
    answer: AnswerOf = field(repr=False)
    title: str = ""
    opens: bool = False
    late: Callable[[], bool] = _in_time
    press: PressKey | None = None
    message_id: UUID = field(default_factory=new_key)

    @property
    def webhook(self) -> dict[str, Any]:
        """Return what the job's payload keeps: its events go to whoever edits the message."""
        heard = self.heard
        return message_webhook(heard.platform, heard.place.channel, self.message_id)

    def person(self, tenant_id: int) -> Person:
        """Return whose jobs are counted."""
        return Person(tenant_id, self.heard.platform, self.heard.user.id)


@dataclass(frozen=True, slots=True)
class ChatOpened:
    """What became of it.

    Attributes:
        answer: Byte for byte the same for every repetition.
        repeated: The request came before; nothing was written.
        job: What it made; ``None``: that is gone by now, by erasure or retention.
    """

    answer: ChatAnswer
    repeated: bool
    job: JobRecord | None


def message_webhook(platform: Platform, channel: str, message_id: UUID) -> dict[str, Any]:
    """Return what a job's payload keeps of the message that shows it: who hears of it."""
    return {"url": chat_url(platform, channel, message_id), "events": list(_EVENTS)}
