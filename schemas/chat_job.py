"""What a chat shows of a job: for who posts the message, and for who edits it. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from schemas.chat import ChatUser
from schemas.chat_buttons import (
    Pressed,
    blocked_buttons,
    cancel_button,
    failed_buttons,
    picture_buttons,
)
from schemas.chat_view import Button, ChatStatus, View, ViewPicture
from schemas.errors import Category
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.picture_words import users_words
from schemas.position import QueuePlace, WaitingOn
from schemas.progress import Progress

_STATUSES: Final[Mapping[JobState, ChatStatus]] = MappingProxyType(
    {
        JobState.HELD: ChatStatus.HELD,
        JobState.RUNNING: ChatStatus.RUNNING,
        JobState.SUCCEEDED: ChatStatus.DONE,
        JobState.FAILED: ChatStatus.FAILED,
        JobState.DEAD: ChatStatus.FAILED,
        JobState.CANCELLED: ChatStatus.CANCELLED,
        JobState.EXPIRED: ChatStatus.EXPIRED,
        JobState.BLOCKED: ChatStatus.BLOCKED,
    }
)
# Why a job waits, where its place in the queue does not say it.
_WAITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        WaitingOn.NO_WORKER: "No worker takes this lane now; it starts when one does.",
        WaitingOn.PAUSED: "An operator holds this queue back for now.",
        WaitingOn.BUDGET: "It waits until the budget allows it.",
    }
)
_WORDS: Final[Mapping[ChatStatus, str]] = MappingProxyType(
    {
        ChatStatus.HELD: "A person looks at it first.",
        ChatStatus.CANCELLED: "It was cancelled.",
        ChatStatus.EXPIRED: "Its time was up before it was done. Ask for it again.",
        ChatStatus.BLOCKED: "The rules of this place do not allow it.",
    }
)
# Errors about what was asked for. The others name servers and accounts.
_THEIRS: Final = frozenset({Category.INPUT.value, Category.SECURITY.value})
ERASED: Final = "Its content was erased."
ELSEWHERE: Final = "It does not fit here."


@dataclass(frozen=True, slots=True)
class Card:
    """What a message knows beside its job.

    Attributes:
        command: ``imagine``, ``ask``, ``describe``, ``blend``.
        title: ``Image #2``, ``Variations of #3``; empty: nothing.
        used: The buttons under it that were pressed.
    """

    command: str
    owner: ChatUser
    title: str = ""
    used: Collection[Pressed] = ()


def job_view_of(
    job: JobRecord,
    card: Card,
    *,
    now: datetime,
    place: QueuePlace | None = None,
    progress: Progress | None = None,
    pictures: tuple[ViewPicture, ...] = (),
    link: str | None = None,
) -> View:
    """Return what a message shows of its job now.

    Args:
        job: As it was read a moment ago; with its lineage, so that a picture which was enlarged
            gets no button that enlarges it again.
        card: The rest.
        now: Aware; a place is told in seconds from here.
        place: In the queue, if it waits and that is known.
        progress: Of its running attempt, if it told any.
        pictures: A preview, the sheet, one picture: of a job that is running or done alone.
        link: Where the whole result is, if it does not fit.
    """
    status = chat_status(job.state)
    waiting, running = status is ChatStatus.WAITING, status is ChatStatus.RUNNING
    told = progress if running else None
    fraction = None if told is None else told.fraction
    return View(
        status=status,
        command=card.command,
        job_id=job.id,
        owner=card.owner,
        mode=job.lane,
        prompt=prompt_of(job),
        title=card.title,
        position=None if not waiting or place is None else _position(place),
        starts_at=None if not waiting or place is None else starts_at(place, now),
        percent=None if fraction is None else round(100 * min(max(fraction, 0.0), 1.0)),
        text=_text(job, told),
        pictures=pictures if running or status is ChatStatus.DONE else (),
        buttons=_buttons(job, status, card.used),
        notice=_notice(job, status, link),
        link=link if status is ChatStatus.DONE else None,
    )


def chat_status(state: JobState) -> ChatStatus:
    """Return what a message shows of a state."""
    return _STATUSES.get(state, ChatStatus.WAITING)


def prompt_of(job: JobRecord) -> str:
    """Return what a person asked for, flags left out; empty if it was erased, or is ours."""
    return "" if job.input_erased else users_words(job.input)


def starts_at(place: QueuePlace, now: datetime) -> datetime | None:
    """Return when a job will probably start: the middle of its range; ``None``: nobody knows.

    Whole seconds: what looks the same is not sent twice.
    """
    if place.low is None:
        return None if place.until is None else place.until.replace(microsecond=0)
    seconds = place.low if place.high is None else (place.low + place.high) / 2
    return (now + timedelta(seconds=seconds)).replace(microsecond=0)


def _position(place: QueuePlace) -> int | None:
    return None if place.ahead_in_lane is None else place.ahead_in_lane + 1


def _text(job: JobRecord, progress: Progress | None) -> str | None:
    if job.kind.pictures:
        return None
    if job.state is JobState.SUCCEEDED:
        return None if job.output_erased else job.text
    return None if progress is None else progress.text


def _buttons(
    job: JobRecord, status: ChatStatus, used: Collection[Pressed]
) -> tuple[Button, ...]:
    match status:
        case ChatStatus.WAITING | ChatStatus.HELD | ChatStatus.RUNNING:
            return (cancel_button(job.id),)
        case ChatStatus.DONE if job.kind.pictures and job.artifacts and not job.output_erased:
            enlarged = job.lineage is not None and job.lineage.action == "upscale"
            return picture_buttons(
                job.id, len(job.artifacts), upscalable=not enlarged, used=used
            )
        case ChatStatus.FAILED if job.kind.pictures:
            return failed_buttons(job.id, used=used)
        case ChatStatus.BLOCKED:
            return blocked_buttons(job.id)
        case _:
            return ()


def _notice(job: JobRecord, status: ChatStatus, link: str | None) -> str | None:
    match status:
        case ChatStatus.WAITING:
            return _WAITS.get(job.waiting_on or "")
        case ChatStatus.DONE if job.output_erased:
            return ERASED
        case ChatStatus.DONE:
            return ELSEWHERE if link else None
        case ChatStatus.FAILED:
            return _why_failed(job)
        case ChatStatus.BLOCKED:
            return _reasons(job) or _WORDS[status]
        case _:
            return _WORDS.get(status)


def _why_failed(job: JobRecord) -> str | None:
    """Return what whoever asked can do better; what servers say is not for a whole channel."""
    if job.error is not None and job.error["category"] in _THEIRS:
        return job.error["message"]
    again = "🔄 tries it again." if job.kind.pictures else "Ask for it again."
    return f"It failed ({format_id('job', job.id)}). {again}"


def _reasons(job: JobRecord) -> str:
    reasons: Any = (job.verdict or {}).get("reasons") or ()
    return "\n".join(dict.fromkeys(str(one["text"]) for one in reasons if one.get("text")))
