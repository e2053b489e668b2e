"""Making a job for a chat: one submit, by the one door of all jobs, and the answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from infra.postgres.chat_presses import PressKey
from producer.api.bodies import check
from producer.chat.asked import Asked, ChatMeans, HeardT, Opened
from producer.chat.opening import ChatOpening
from producer.chat.words import sentence
from schemas.chat import MessageRef, Platform
from schemas.chat_buttons import blocked_buttons
from schemas.chat_inbound import Press
from schemas.chat_job import Card, job_view_of
from schemas.chat_view import ChatAnswer, Defer, Mark, Notice, Reply, Show, Tell, Tone, View
from schemas.errors import FieldError, InputError
from schemas.job import JobRecord
from schemas.job_request import JobRequest
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.lineage import Lineage
from schemas.permission_errors import PermissionDeniedError
from schemas.position import QueuePlace

# There the answer to a command is itself the message that is edited from then on.
_ANSWER_IS_MESSAGE: Final = frozenset({Platform.DISCORD})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that is asked for.

    Attributes:
        request: In the shape of ``JobRequest``, without lane and end user where none is told.
        command: ``imagine``, ``ask``, ``describe``, ``blend``.
        title: What was done besides: ``Image #2``.
        press: The button that makes it.
        marked: The message of that button, drawn again.
        files: The tenant's files that came with it.
    """

    request: Mapping[str, Any] = field(repr=False)
    command: str
    title: str = ""
    lineage: Lineage | None = None
    press: PressKey | None = None
    marked: View | None = None
    files: Sequence[UUID] = ()


class _Answering:
    """Answers with the new job, inside the transaction that makes it."""

    def __init__(self, means: ChatMeans, asked: Asked[Any], wanted: Wanted) -> None:
        self._means = means
        self._asked = asked
        self._wanted = wanted
        self.reply: Reply | None = None

    def __call__(self, job: JobRecord, place: QueuePlace | None) -> ChatAnswer:
        self.reply = self._reply(job, place)
        # By then the answer may be given: the message is brought by the delivery process.
        given = Defer() if self._asked.turn.deferred else self.reply
        return self._asked.adapter.answer(self._asked.heard, given)

    def _reply(self, job: JobRecord, place: QueuePlace | None) -> Reply:
        if job.state is JobState.BLOCKED:
            return Tell(_refused(job))
        if self._wanted.press is not None:
            return Mark(self._wanted.marked)
        card = Card(self._wanted.command, self._asked.heard.user, self._wanted.title)
        return Show(job_view_of(job, card, now=self._means.clock.now(), place=place))


async def make_job(means: ChatMeans, asked: Asked[HeardT], wanted: Wanted) -> Opened:
    """Submit a job, with the message that shows it.

    Raises:
        GenqError: As ``Submitter.submit`` does.
    """
    lane = _lane_of(asked, wanted.request.get("lane"))
    end_user = asked.heard.end_user
    request = check(JobRequest, {**wanted.request, "lane": lane, "end_user": end_user})
    answering = _Answering(means, asked, wanted)
    opens = _opens(asked)
    opening = ChatOpening(
        heard=asked.heard,
        ref=_ref_of(asked),
        command=wanted.command,
        most=asked.rules.max_jobs or means.settings.chat_user_jobs,
        answer=answering,
        title=wanted.title,
        opens=opens,
        late=lambda: asked.turn.deferred,
        press=wanted.press,
    )
    submitted = await means.submitter.submit(
        asked.tenant, request, lineage=wanted.lineage, files=wanted.files, chat=opening
    )
    opened = submitted.chat
    if opened is None:
        raise InputError("the job was not made for a chat", fields=[FieldError("", "chat")])
    reply = None if opened.repeated and answering.reply is None else answering.reply
    return Opened(opened.answer, reply, posted_later=opens)


def _lane_of(asked: Asked[Any], wanted: Any) -> Lane:
    """Return the lane of a job: the wanted one, or the first that is allowed here.

    Raises:
        InputError: There is no such lane.
        PermissionDeniedError: It is not allowed here.
    """
    allowed = asked.lanes
    told = ", ".join(allowed) or "none"
    if wanted is None:
        if not allowed:
            raise PermissionDeniedError("no speed is allowed here; ask whoever operates it")
        return allowed[0]
    try:
        lane = Lane(wanted)
    except ValueError:
        what = f"there is no such speed; there are {told}"
        raise InputError(what, fields=[FieldError("/speed", what)]) from None
    if lane not in allowed:
        raise PermissionDeniedError(f"{lane} is not allowed here; there are: {told}")
    return lane


def _opens(asked: Asked[Any]) -> bool:
    """Return whether the delivery process is to bring the job's first message."""
    if isinstance(asked.heard, Press) or asked.turn.deferred:
        return True
    return asked.heard.platform not in _ANSWER_IS_MESSAGE


def _ref_of(asked: Asked[Any]) -> MessageRef:
    """Return where the job's message will be: after a press, a new one below that."""
    heard = asked.heard
    if not isinstance(heard, Press):
        return heard.ref
    pressed = heard.pressed.message if heard.pressed is not None else None
    below = pressed or heard.ref.reply_to
    return replace(heard.ref, message=None, original=False, rung=0, reply_to=below)


def _refused(job: JobRecord) -> Notice:
    told = job.error["message"] if job.error is not None else "the prompt was refused"
    return Notice("Prompt refused", sentence(told), Tone.ERROR, blocked_buttons(job.id))
