"""A job's story as its watchers hear it: what happened, in order, each under an id.

An id is a place in the story, and is reckoned from the ledger: ``0`` queued, ``3.0`` the
attempt under fence 3 started, ``3.p17`` its 17th progress, ``3.9`` it is to be retried,
``3.w250`` its place in the queue after that, 250 ms after the submit, ``end``. Whoever comes
back with the last id that was seen hears everything after it that is still known, from any
process; no stream is stored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.job_states import AttemptOutcome, JobState


class StoryType(StrEnum):
    """What a watcher hears of before the job's end; the end is an ``EventType``."""

    QUEUED = "queued"
    POSITION = "position"
    STARTED = "started"
    PROGRESS = "progress"
    RETRYING = "retrying"


class Place(NamedTuple):
    """A place in a job's story. Places compare in the order of what happened.

    Attributes:
        fence: Of the attempt; 0 before the first.
        step: 0 it started (or the job was queued), 1 progress, 2 it ended, 3 the job waits.
        number: Among several of the same step.
    """

    fence: int
    step: int = 0
    number: int = 0

    def __str__(self) -> str:
        """Return the event's id."""
        if self == END:
            return "end"
        if self == BEGINNING:
            return "0"
        return f"{self.fence}.{_STEPS[self.step]}{self.number if self.step in _COUNTED else ''}"


_STEPS: Final[Mapping[int, str]] = MappingProxyType({0: "0", 1: "p", 2: "9", 3: "w"})
_NUMBERS: Final = MappingProxyType({sign: step for step, sign in _STEPS.items()})
_COUNTED: Final = (1, 3)
_ID: Final = re.compile(r"(\d{1,9})\.(?:([09])|([pw])(\d{1,15}))", re.ASCII)
BEGINNING: Final = Place(0)
END: Final = Place(1 << 31)
BEFORE_ALL: Final = Place(-1)


class InvalidPlaceError(ValueError):
    """The text is not the id of an event of a job."""


def parse_place(text: str) -> Place:
    """Return the place that an event's id names.

    Raises:
        InvalidPlaceError: It is none.
    """
    if text == "0":
        return BEGINNING
    if text == "end":
        return END
    parts = _ID.fullmatch(text)
    if parts is None:
        raise InvalidPlaceError("expected the id of an earlier event, such as 0 or 3.p17")
    fence, bare, counted, number = parts.groups()
    return Place(int(fence), _NUMBERS[bare or counted], int(number or 0))


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt that is over, as the ledger keeps it. ``error`` is a code, if it had one."""

    fence: int
    n: int
    outcome: AttemptOutcome
    started_at: datetime | None
    ended_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class JobMoves:
    """What the ledger says of a job's way so far.

    Attributes:
        state: Where it is now.
        fence: Of its last release, while it is not ended.
        attempt: How many times it was started, while it is not ended.
        started_at: When the running attempt began.
        run_at: Until when it waits by schedule, a retry's pause included.
        finished_at: When it ended.
        ended: Its attempts that are over, oldest first.
    """

    job_id: UUID
    tenant_id: int
    state: JobState
    created_at: datetime
    fence: int = 0
    attempt: int = 0
    started_at: datetime | None = None
    run_at: datetime | None = None
    finished_at: datetime | None = None
    ended: tuple[EndedAttempt, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether it stands in a queue."""
        return self.state < JobState.RUNNING

    @property
    def last_fence(self) -> int:
        """The fence of the last attempt that is over; 0 if there was none."""
        return self.ended[-1].fence if self.ended else 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running attempt is; ``None`` is what its model server does not tell.

    Attributes:
        fence: Of the attempt, which is the ``attempt``-th.
        number: Counts the attempt's reports, from 1.
        at: ISO 8601, UTC.
        fraction: 0 to 1.
        characters: Length of the text so far.
        text: What may be shown of it; told only to those who asked for words.
        preview: Whether a picture of the state so far is kept, by its bytes.
    """

    fence: int
    attempt: int
    number: int
    at: str
    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    characters: int | None = None
    message: str | None = None
    preview: int | None = None
    text: str | None = None

    @property
    def place(self) -> Place:
        """Where it stands in the story."""
        return Place(self.fence, 1, self.number)


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One event of a job's story; ``data`` is its JSON form."""

    place: Place
    type: str
    data: Mapping[str, Any]


def story_of(moves: JobMoves) -> list[StoryEvent]:
    """Return what the ledger knows of the job's way, in order, without its end."""
    events = [_event(moves, BEGINNING, StoryType.QUEUED, moves.created_at)]
    for ended in moves.ended:
        if ended.started_at is not None:
            events.append(_started(moves, ended.fence, ended.n, ended.started_at))
        if _went_on(moves, ended):
            again = moves.run_at if ended is moves.ended[-1] else None
            events.append(
                _event(
                    moves,
                    Place(ended.fence, 2),
                    StoryType.RETRYING,
                    ended.ended_at,
                    attempt=ended.n,
                    reason=ended.outcome.name.lower(),
                    error=ended.error,
                    run_at=iso_ms(again) if again else None,
                )
            )
    if moves.state is JobState.RUNNING and moves.started_at is not None:
        events.append(_started(moves, moves.fence, moves.attempt, moves.started_at))
    return events


def end_of(moves: JobMoves, event_type: str, view: Mapping[str, Any]) -> StoryEvent:
    """Return the last event: the job's own terminal one, with its view."""
    at = moves.finished_at or moves.created_at
    return _event(moves, END, event_type, at, job=view)


def position_of(
    moves: JobMoves, at: datetime, waiting_on: str | None, queue: Mapping[str, Any]
) -> StoryEvent:
    """Return where the waiting job stands at ``at``.

    Args:
        moves: Of a job that waits.
        at: PostgreSQL's time, or near it.
        waiting_on: As the job's view has it.
        queue: As the job's view has it.
    """
    elapsed = max(0, int((at - moves.created_at).total_seconds() * 1000))
    return _event(
        moves,
        Place(moves.last_fence, 3, elapsed),
        StoryType.POSITION,
        at,
        position=queue["position"],
        ahead=queue["ahead_in_lane"],
        estimated=queue["estimated"],
        eta_seconds=queue["eta_seconds"],
        waiting_on=waiting_on,
        waiting_until=queue["waiting_until"],
    )


def progress_event(moves: JobMoves, progress: Progress, preview_url: str) -> StoryEvent:
    """Return how far the running attempt is."""
    preview = None if progress.preview is None else {"url": preview_url}
    data = {
        "type": StoryType.PROGRESS.value,
        "job_id": format_id("job", moves.job_id),
        "at": progress.at,
        "attempt": progress.attempt,
        "fraction": progress.fraction,
        "step": progress.step,
        "steps": progress.steps,
        "characters": progress.characters,
        "message": progress.message,
        "preview": preview,
    }
    return StoryEvent(progress.place, StoryType.PROGRESS.value, data)


def _started(moves: JobMoves, fence: int, n: int, at: datetime) -> StoryEvent:
    return _event(moves, Place(fence), StoryType.STARTED, at, attempt=n)


def _went_on(moves: JobMoves, ended: EndedAttempt) -> bool:
    """Whether the job was to run again: its last attempt may have been what ended it."""
    if ended is not moves.ended[-1] or moves.finished_at is None:
        return True
    return ended.ended_at < moves.finished_at


def _event(
    moves: JobMoves, place: Place, event_type: str, at: datetime, **more: Any
) -> StoryEvent:
    data = {
        "type": str(event_type),
        "job_id": format_id("job", moves.job_id),
        "at": iso_ms(at),
        **more,
    }
    return StoryEvent(place, str(event_type), data)
