"""One watched job: its story as frames, made once for all who watch it."""

import asyncio
from typing import Any, Final

from producer.api.bodies import encode
from producer.api.live_stream import frame
from schemas.events import terminal_type
from schemas.ids import format_id
from schemas.job import JobRecord, job_view
from schemas.job_states import JobState
from schemas.progress import (
    BEFORE_ALL,
    JobMoves,
    Place,
    Progress,
    StoryEvent,
    end_of,
    progress_event,
    story_of,
)

Frame = tuple[Place, bytes]


class LiveJob:
    """What is known of one job, and who wants to hear of it.

    Attributes:
        moves: As it was last read; ``None`` before the first look.
        over: It has ended, or is gone, and every frame is there.
        ended: The job as it ended; ``None`` if it has not, or is gone.
        words: Somebody wants the text so far.
        position: The last that was told of its place in the queue, at ``position_at`` on the
            loop's clock; it is looked at again from ``position_due`` on.
    """

    def __init__(self, job: JobRecord, public_url: str) -> None:
        self.id = job.id
        self.tenant_id = job.tenant_id
        self.name = format_id("job", job.id)
        self.moves: JobMoves | None = None
        self.over = False
        self.ended: JobRecord | None = None
        self.words = False
        self.progress: Progress | None = None
        self.progress_asked = False
        self.position: StoryEvent | None = None
        self.position_at = 0.0
        self.position_due = 0.0
        self.watchers: set[asyncio.Event] = set()
        self._public_url = public_url
        self._story: list[Frame] = []
        self._now: list[Frame] = []

    @property
    def running(self) -> bool:
        """Whether an attempt runs, as far as is known."""
        return self.moves is not None and self.moves.state is JobState.RUNNING

    @property
    def waits(self) -> bool:
        """Whether it stands in a queue, as far as is known."""
        return self.moves is not None and self.moves.waits

    def moved(self, moves: JobMoves, ended: JobRecord | None) -> None:
        """Take what the ledger says; ``ended`` is the job, once it has ended."""
        if moves == self.moves and not ended:
            return
        self.moves = moves
        events = story_of(moves)
        if ended is not None:
            view = job_view(ended, self._public_url)
            events.append(end_of(moves, terminal_type(ended.state).value, view))
            self.ended, self.over = ended, True
        self._story = [_framed(event) for event in events]
        self._refresh()

    def gone(self) -> None:
        """Let everybody go: there is no such job any more."""
        self.over = True
        self.wake()

    def reported(self, progress: Progress) -> None:
        """Take a running attempt's progress, unless a later one is known.

        What is kept for latecomers has no words: read just before the news of the same
        progress comes, it must not be all that is heard of it.
        """
        known = self.progress
        if known is not None and progress.place == known.place:
            later = known.text is None and progress.text is not None
        else:
            later = known is None or progress.place > known.place
        if later:
            self.progress = progress
            self._refresh()

    def stands(self, position: StoryEvent, at: float) -> None:
        """Take its place in the queue, read at ``at`` on the loop's clock."""
        self.position, self.position_at = position, at
        self._refresh()

    def after(self, seen: Place) -> tuple[bytes, Place]:
        """Return the frames behind ``seen``, and the last one's place."""
        frames = sorted(f for f in [*self._story, *self._now] if f[0] > seen)
        if not frames:
            return b"", seen
        return b"".join(data for _, data in frames), frames[-1][0]

    def wake(self) -> None:
        """Tell all who watch that there is something."""
        for rung in self.watchers:
            rung.set()

    def _refresh(self) -> None:
        # Progress that comes before the news of its attempt's start waits for that; what
        # belongs to an attempt that is over is not told any more.
        moves, now = self.moves, list[Frame]()
        if moves is None:
            return
        progress, position = self.progress, self.position
        if self.running and progress is not None and progress.fence == moves.fence:
            preview = f"{self._public_url}/v1/jobs/{self.name}/preview?at={progress.place}"
            now.append(_framed(progress_event(moves, progress, preview)))
        if self.waits and position is not None and position.place.fence == moves.last_fence:
            now.append(_framed(position))
        self._now = now
        self.wake()


class Watcher:
    """One client of a job's stream, and how far it has heard.

    Attributes:
        job: What is known of the watched job.
        dismissed: It was sent home before the end.
    """

    def __init__(self, live: LiveJob, seen: Place = BEFORE_ALL) -> None:
        self.rung = asyncio.Event()
        self.over = False
        self.dismissed = False
        self.job = live
        self._seen = seen

    async def take(self) -> bytes:
        """Return what the client has not heard yet."""
        over = self.job.over
        frames, self._seen = self.job.after(self._seen)
        self.over = self.over or over
        return frames

    def dismiss(self) -> None:
        """Send the client home."""
        self.over = self.dismissed = True
        self.rung.set()


_ETA_SHARE: Final = 0.2
_ETA_SECONDS: Final = 1.0
_TO_SECONDS: Final = 19


def stands_elsewhere(old: StoryEvent | None, new: StoryEvent, elapsed: float) -> bool:
    """Return whether a place in the queue differs from the one that was told.

    The seconds until the start run by themselves: they differ if they are off by more than a
    second and a fifth of what is left.
    """
    if old is None or old.place.fence != new.place.fence:
        return True
    told: dict[str, Any] = dict(old.data)
    found: dict[str, Any] = dict(new.data)
    was, now = told.pop("eta_seconds"), found.pop("eta_seconds")
    told["at"] = found["at"]
    for data in (told, found):
        # Reckoned from a clock each time: milliseconds are noise.
        data["waiting_until"] = (data["waiting_until"] or "")[:_TO_SECONDS]
    if told != found or (was is None) != (now is None):
        return True
    return was is not None and any(
        _differ(was[end], now[end], elapsed) for end in ("low", "high")
    )


def _differ(was: float | None, now: float | None, elapsed: float) -> bool:
    if was is None or now is None:
        return was is not now
    return abs(max(0.0, was - elapsed) - now) > max(_ETA_SECONDS, _ETA_SHARE * now)


def _framed(event: StoryEvent) -> Frame:
    return event.place, frame(event.type, str(event.place), encode(event.data))
